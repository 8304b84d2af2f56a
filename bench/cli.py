"""`tarebench`: measure, report, look at the host, clean up."""

import argparse
import signal
import sys
from collections.abc import Callable, Sequence
from dataclasses import fields
from pathlib import Path
from typing import TYPE_CHECKING, Any

from rich.console import Console

from bench import ab, compare, export, history, report_place, tune
from tare.errors import ExitCode, TareError, UsageError
from tare.state import State

if TYPE_CHECKING:
    from bench.request import Request


def main(arguments: Sequence[str] | None = None) -> int:
    """The command line; returns the exit code."""
    options = _parser().parse_args(arguments)
    perform: Callable[[argparse.Namespace], int] = options.perform
    signal.signal(signal.SIGTERM, _interrupt)
    try:
        return perform(options)
    except TareError as error:
        print(f"tarebench: {error}", file=sys.stderr)
        return error.exit_code
    except KeyboardInterrupt:
        print("tarebench: interrupted; `tarebench clean` removes what may be left", file=sys.stderr)
        return ExitCode.INTERRUPTED


def _interrupt(number: int, _: object) -> None:
    signal.signal(number, signal.SIG_IGN)
    raise KeyboardInterrupt


def _run(options: argparse.Namespace) -> int:
    from bench import profile

    if options.profile == profile.GOALS:
        from bench.goals import measure

        return measure(options.names)
    if options.names:
        raise UsageError(
            f"{options.names[0]!r} would be a goal's name",
            "name scenarios with --scenarios, goals with --profile goals",
        )
    from bench.lab import Lab
    from bench.request import Request
    from bench.resume import request_of, unfinished
    from bench.run import execute
    from bench.runtimes import found
    from results.store import Store

    store = Store(options.results)
    out = report_place.place(options)
    if options.resume is None:
        request, begun = _request(options), None
    elif _request(options) != Request():
        raise UsageError("a resumed run has its own plan", "leave the options of a new one away")
    else:
        begun = unfinished(store, options.resume)
        request = request_of(begun)
    with Lab(State.default(), request.connect, found(request.runtimes)) as lab:
        outcome = execute(lab, request, store, Console(stderr=True), begun=begun, until=options.until)
    if options.report and not outcome.paused:
        _write_report([outcome.path], out, ["html"], "en")
    print(f"run        {outcome.path}")
    if outcome.interrupted:
        print(
            "tarebench: interrupted; the samples taken so far are kept, `tarebench run --resume` goes on",
            file=sys.stderr,
        )
        return ExitCode.INTERRUPTED
    if outcome.failures:
        print(
            f"tarebench: {len(outcome.failures)} measurements failed; the report lists them", file=sys.stderr
        )
        return ExitCode.FAILED
    return ExitCode.OK


def _request(options: argparse.Namespace) -> "Request":
    from bench.request import Request

    return Request.given({field.name: getattr(options, field.name) for field in fields(Request)})


def _plan(options: argparse.Namespace) -> int:
    from bench.cost import Costs, earlier
    from bench.host import fingerprint
    from bench.lab import Lab
    from bench.outlook import outlook
    from bench.profile import GOALS, profile
    from bench.runtimes import found
    from bench.selection import select
    from results.store import Store

    if options.profile == GOALS:
        raise UsageError("goals are no plan", "choose another profile")
    request = _request(options)
    work = profile(request.profile)
    with Lab(State.default(), request.connect, found(request.runtimes)) as lab:
        questions = request.questions(request.workload())
        selection = select(lab, work, subjects=request.subjects, scenarios=questions, seed=request.seed)
    runs = earlier(Store(options.results), fingerprint()["machine"], work.name)
    print(outlook(selection, Costs(selection.kinds, runs)))
    return ExitCode.OK


def _report(options: argparse.Namespace) -> int:
    from results.store import Store

    runs = options.runs or [Store(options.results).latest()]
    _write_report(runs, report_place.place(options), options.format or ["html"], options.lang)
    return ExitCode.OK


def _write_report(paths: Sequence[Path], out: Path, forms: Sequence[str], language: str) -> None:
    import reports
    from reports import table, terminal
    from reports.languages import chosen, speaking
    from results.store import Store

    languages = chosen(language)
    sources = [reports.Source(Store(path.parent).load(path), path) for path in paths]
    for source in sources:
        with speaking(languages[0]):
            told = terminal.render(table.comparison(source.run), source.run)
        print(f"run        {source.raw}\n{told}" if len(sources) > 1 else told)
    written = reports.build(sources, out, forms, languages)
    for path in written:
        if path.suffix != ".png":
            print(f"report     {path}")
    if any(path.suffix == ".png" for path in written):
        print(f"charts     {out}/*.png")


def _doctor(_: argparse.Namespace) -> int:
    import vm_baseline
    from bench.host_check import Noise, settings
    from bench.lab import Lab
    from bench.registry import all_subjects
    from runtime.doctor import doctor

    state = State.default()
    checks = [*doctor(state), *vm_baseline.doctor(state)]
    with Lab(state) as lab:
        for subject in all_subjects(lab).values():
            availability = subject.availability()
            line = availability.version if availability.usable else availability.reason
            checks.append((f"subject {subject.name}", availability.usable, line))
    checks += [(f"quiet {check.name}", check.noise is not Noise.NOISY, check.line) for check in settings()]
    for name, ok, line in checks:
        print(f"{'ok' if ok else 'no':<3} {name:<20} {line}")
    return ExitCode.OK


def _clean(_: argparse.Namespace) -> int:
    from bench.clean import clean

    for line in clean(State.default()):
        print(line)
    return ExitCode.OK


def _names(text: str) -> list[str]:
    return [name for name in text.split(",") if name]


class _Parser(argparse.ArgumentParser):
    """One of a command, to which a part of an option's name is none."""

    def __init__(self, **options: Any) -> None:
        super().__init__(**options, allow_abbrev=False)


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        "tarebench", description="Weigh a container against a virtual machine on this host."
    )
    commands: argparse._SubParsersAction[argparse.ArgumentParser] = parser.add_subparsers(
        required=True, metavar="COMMAND", parser_class=_Parser
    )

    run = commands.add_parser("run", help="measure, print the table, write the report")
    _add_choice(run)
    run.add_argument("--no-report", dest="report", action="store_false", help="measure only")
    _add_workload(run)
    run.add_argument(
        "--resume",
        nargs="?",
        const="",
        metavar="RUN",
        help="go on with a run that was killed or interrupted (default: the last)",
    )
    run.add_argument("--until", type=int, metavar="PASS", help="pause after that pass; --resume goes on")
    run.add_argument("names", nargs="*", metavar="GOAL", help="with --profile goals: which ones")
    _add_places(run)
    run.set_defaults(perform=_run)

    plan = commands.add_parser(
        "plan", help="show what `run` with the same options would do, and for how long"
    )
    _add_choice(plan)
    _add_workload(plan)
    _add_places(plan)
    plan.set_defaults(perform=_plan)

    report = commands.add_parser("report", help="print the table and write the report of a run, or several")
    report.add_argument(
        "runs", nargs="*", type=Path, metavar="RUN", help="results files or journals (default: the last run)"
    )
    report.add_argument(
        "--format", type=_names, metavar="A,B", help="html, md, csv, json and png (default: html)"
    )
    report.add_argument("--lang", default="en", help="en, zh, or both in one page (default: en)")
    _add_places(report)
    report.set_defaults(perform=_report)

    compare.add(commands)
    ab.add(commands)
    history.add(commands)
    export.add(commands)
    tune.add(commands)
    doctor = commands.add_parser("doctor", help="say what this host can and can't do")
    doctor.set_defaults(perform=_doctor)
    clean = commands.add_parser("clean", help="remove everything a killed run left behind")
    clean.set_defaults(perform=_clean)
    return parser


def _add_choice(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--profile", help="smoke, quick, standard, full, or goals (default: quick)")
    parser.add_argument(
        "--subjects", type=_names, default=[], metavar="A,B", help="default: all that run here"
    )
    parser.add_argument("--scenarios", type=_names, default=[], metavar="A,B", help="default: all")
    parser.add_argument("--image", help="an image of the store, or a root directory (default: busybox)")
    parser.add_argument("--seed", type=int, help="of the order of subjects (default: drawn, and kept)")
    parser.add_argument("--connect", metavar="URI", help="a libvirt connection (default: QEMU embedded)")
    parser.add_argument(
        "--runtime",
        action="append",
        dest="runtimes",
        default=[],
        metavar="PATH",
        help="an OCI runtime, asked as well under its file's name; repeated for more",
    )


def _add_workload(parser: argparse.ArgumentParser) -> None:
    own = parser.add_argument_group("a workload of your own", "see docs/own-workload.md")
    own.add_argument("--own", metavar="FILE", help="a TOML file that says all of it")
    own.add_argument("--command", metavar="WORDS", help="what is started (default: the image's own program)")
    own.add_argument("--memory", metavar="SIZE", help="its limit, as 512m (default: 256m)")
    own.add_argument("--ready", metavar="WHAT", help="http://:PORT/PATH, tcp://:PORT or line:TEXT")
    own.add_argument("--load", metavar="COMMAND", help="of the host's shell; has {url} and {address}")
    own.add_argument(
        "--metric",
        action="append",
        dest="metrics",
        default=[],
        metavar="[NAME[:UNIT][:lower]=]REGEX",
        help="a number that the load prints, in parentheses; repeated for more",
    )


def _add_places(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--results", type=Path, default=Path("results/runs"), help="where runs are kept")
    report_place.add(parser)


if __name__ == "__main__":
    sys.exit(main())
