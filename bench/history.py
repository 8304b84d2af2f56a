"""`tarebench history`: runs kept over time, and where their series changed."""

import argparse
from pathlib import Path
from typing import TYPE_CHECKING

from bench import report_place
from tare.errors import ExitCode

if TYPE_CHECKING:
    from collections.abc import Sequence

    from results.history import Keep, Summary

    Commands = argparse._SubParsersAction[argparse.ArgumentParser]

DEFAULT = "sqlite:///results/history.db"


def add(commands: "Commands") -> None:
    """The command and its own commands."""
    parser = commands.add_parser("history", help="keep runs over time, and find what changed")
    actions = parser.add_subparsers(required=True, metavar="ACTION")

    keep = _action(actions, "add", "keep runs; one that is kept already stays as it is")
    keep.add_argument("runs", nargs="+", type=Path, metavar="RUN", help="a results file")
    keep.set_defaults(perform=_add)

    listed = _action(actions, "list", "list machines and runs, the oldest first")
    listed.set_defaults(perform=_list)

    changes = _action(actions, "changes", "list where a series took another level")
    _add_choice(changes)
    changes.set_defaults(perform=_changes)

    report = _action(actions, "report", "write a page of the newest runs: what changed, and when")
    _add_choice(report)
    report.add_argument("--runs", type=_count, default=100, metavar="N", help="of how many (default: 100)")
    report.add_argument("--lang", default="en", help="en, zh, or both in one page (default: en)")
    report.add_argument(
        "--commit-url",
        type=_commit_url,
        metavar="URL",
        help="where commits are, as https://HOST/PATH/commit/{commit} (default: by the remote origin)",
    )
    report_place.add(report)
    report.set_defaults(perform=_report)

    baseline = _action(actions, "baseline", "write the newest runs as one, for `tarebench compare`")
    _add_choice(baseline)
    baseline.add_argument("--runs", type=_count, default=5, metavar="N", help="of how many (default: 5)")
    baseline.add_argument("--before", default="", metavar="RUN", help="the id of a run not to be among them")
    baseline.add_argument("-o", "--output", type=Path, required=True, metavar="FILE", help="where to")
    baseline.add_argument("--force", action="store_true", help="replace a file of that name")
    baseline.set_defaults(perform=_baseline)


def _action(actions: "Commands", name: str, what: str) -> argparse.ArgumentParser:
    parser = actions.add_parser(name, help=what)
    parser.add_argument(
        "--in",
        dest="where",
        default=DEFAULT,
        metavar="PLACE",
        help="a directory, git:CLONE#BRANCH, or a database's URL (default: %(default)s)",
    )
    return parser


def _add_choice(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--machine", metavar="ID", help="whose runs (default: this host's)")
    parser.add_argument("--profile", help="of which plan (default: the newest run's)")


def _add(options: argparse.Namespace) -> int:
    from results.history import kept
    from results.store import Store

    # Read first: what can't be read is said before anything is kept.
    runs = [Store(path.parent).load(path) for path in options.runs]
    place = kept(options.where)
    for run in runs:
        print(f"{'kept' if place.add(run) else 'was kept':<10} {run.id}")
    return ExitCode.OK


def _list(options: argparse.Namespace) -> int:
    place = _place(options)
    for machine in place.machines():
        print(f"machine    {machine}")
        for each in place.summaries(machine):
            print(f"{each.id}  {each.profile:<9} {each.commit[:12]}".rstrip())
    return ExitCode.OK


def _changes(options: argparse.Namespace) -> int:
    from results.history.trend import trends

    found = [(trend, change) for trend in trends(_runs(options)) for change in trend.changes]
    for trend, change in sorted(found, key=lambda each: each[0].runs[each[1].index].started):
        run = trend.runs[change.index]
        share = f"{(change.ratio - 1) * 100:+.1f} %"
        print(f"{run.id}  {run.commit[:12]:<12}  {share:>9}  {trend.identity}")
    return ExitCode.OK


def _report(options: argparse.Namespace) -> int:
    from bench.plan import main_metric, scenario_files
    from reports.languages import chosen
    from reports.trends import History, build
    from results.history.trend import trends

    languages, out = chosen(options.lang), report_place.place(options)
    runs = _linked(_runs(options)[-options.runs :], options.commit_url)
    mains = {name: main for name in scenario_files() if (main := main_metric(name)) is not None}
    history = History(_machine(options), runs[0].profile, runs, trends(runs), mains)
    print(f"report     {build(history, out, languages)}")
    return ExitCode.OK


def _linked(runs: "Sequence[Summary]", url: str | None) -> "tuple[Summary, ...]":
    """With a link to the commit of each: by the URL that was given, else its own, else by the remote."""
    from dataclasses import replace
    from urllib.parse import quote

    from bench.source import commit_url

    known = url or commit_url()
    return tuple(
        replace(run, link=known.replace("{commit}", quote(run.commit)))
        if known and run.commit and (url or not run.link)
        else run
        for run in runs
    )


def _baseline(options: argparse.Namespace) -> int:
    from results.history.baseline import baseline
    from results.store import Store

    profile = _runs(options)[-1].profile
    run = baseline(_place(options), _machine(options), profile, options.runs, before=options.before)
    Store(options.output.parent).save(run, path=options.output, force=options.force)
    print(f"baseline   {options.output}")
    return ExitCode.OK


def _runs(options: argparse.Namespace) -> "list[Summary]":
    """The runs of the machine and plan asked for, the oldest first. Raises: ResultsError: there is none."""
    from results.errors import ResultsError

    summaries = _place(options).summaries(_machine(options))
    profile = options.profile or (summaries[-1].profile if summaries else "")
    if not (found := [each for each in summaries if each.profile == profile]):
        asked = f" of profile {profile}" if profile else ""
        raise ResultsError(
            f"no run{asked} is kept of machine {_machine(options)}", "keep one with `tarebench history add`"
        )
    return found


def _place(options: argparse.Namespace) -> "Keep":
    from results.history import kept

    return kept(options.where)


def _machine(options: argparse.Namespace) -> str:
    from bench.machine_id import machine_id

    return str(options.machine or machine_id())


def _count(text: str) -> int:
    if not text.isdecimal() or not int(text):
        raise argparse.ArgumentTypeError(f"{text!r} is no number of runs")
    return int(text)


def _commit_url(text: str) -> str:
    if not (text.startswith(("https://", "http://")) and "{commit}" in text):
        raise argparse.ArgumentTypeError(f"{text!r} is no web page with {{commit}} in it")
    return text
