"""`tarebench`: measure, report, look at the host, clean up."""

import argparse
import signal
import sys
from collections.abc import Callable, Sequence
from pathlib import Path

from rich.console import Console

from tare.errors import ExitCode, TareError
from tare.state import State


def main(arguments: Sequence[str] | None = None) -> int:
    """The command line; returns the exit code."""
    options = _parser().parse_args(arguments)
    command: Callable[[argparse.Namespace], int] = options.command
    signal.signal(signal.SIGTERM, _interrupt)
    try:
        return command(options)
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
    work = profile.profile(options.profile)

    from bench.image import find
    from bench.lab import Lab
    from bench.run import execute
    from results.store import Store

    console = Console(stderr=True)
    state = State.default()
    image = find(state, options.image)
    with Lab(state, options.connect) as lab:
        outcome = execute(
            lab,
            image,
            work,
            Store(options.results),
            console,
            subjects=options.subjects,
            scenarios=options.scenarios,
            seed=options.seed,
        )
    if options.report:
        _write_report(outcome.path, options.out)
    print(f"run        {outcome.path}")
    if outcome.interrupted:
        print("tarebench: interrupted; the samples taken so far are kept", file=sys.stderr)
        return ExitCode.INTERRUPTED
    if outcome.failures:
        print(
            f"tarebench: {len(outcome.failures)} measurements failed; the report lists them", file=sys.stderr
        )
        return ExitCode.FAILED
    return ExitCode.OK


def _report(options: argparse.Namespace) -> int:
    from results.store import Store

    _write_report(options.run or Store(options.results).latest(), options.out)
    return ExitCode.OK


def _write_report(path: Path, out: Path) -> None:
    import reports
    from reports import table, terminal
    from results.store import Store

    run = Store(path.parent).load(path)
    print(terminal.render(table.comparison(run), run))
    print(f"report     {reports.build(run, out, path)}")


def _doctor(_: argparse.Namespace) -> int:
    import vm_baseline
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


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        "tarebench", description="Weigh a container against a virtual machine on this host."
    )
    commands = parser.add_subparsers(required=True, metavar="COMMAND")

    run = commands.add_parser("run", help="measure, print the table, write the report")
    run.add_argument("--profile", default="quick", help="smoke, quick, standard, or goals (default: quick)")
    run.add_argument("--subjects", type=_names, default=[], metavar="A,B", help="default: all that run here")
    run.add_argument("--scenarios", type=_names, default=[], metavar="A,B", help="default: all")
    run.add_argument("--image", default="busybox", help="an image of the store, or a root directory")
    run.add_argument("--seed", type=int, help="of the order of subjects (default: drawn, and kept)")
    run.add_argument("--connect", metavar="URI", help="a libvirt connection (default: QEMU embedded)")
    run.add_argument("--no-report", dest="report", action="store_false", help="measure only")
    run.add_argument("names", nargs="*", metavar="GOAL", help="with --profile goals: which ones")
    _add_places(run)
    run.set_defaults(command=_run)

    report = commands.add_parser("report", help="print the table and write the report of a run")
    report.add_argument("run", nargs="?", type=Path, help="a results file or journal (default: the last run)")
    _add_places(report)
    report.set_defaults(command=_report)

    doctor = commands.add_parser("doctor", help="say what this host can and can't do")
    doctor.set_defaults(command=_doctor)
    clean = commands.add_parser("clean", help="remove everything a killed run left behind")
    clean.set_defaults(command=_clean)
    return parser


def _add_places(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--results", type=Path, default=Path("results/runs"), help="where runs are kept")
    parser.add_argument("--out", type=Path, default=Path("reports/out"), help="where the report goes")


if __name__ == "__main__":
    sys.exit(main())
