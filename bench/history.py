"""`tarebench history`: runs kept over time, and where their series changed."""

import argparse
from pathlib import Path
from typing import TYPE_CHECKING

from tare.errors import ExitCode

if TYPE_CHECKING:
    from results.history import Keep

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

    baseline = _action(actions, "baseline", "write the newest runs as one, for `tarebench compare`")
    _add_choice(baseline)
    baseline.add_argument("--runs", type=int, default=5, metavar="N", help="of how many (default: 5)")
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
    parser.add_argument("--profile", default="standard", help="of which plan (default: standard)")


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

    summaries = _place(options).summaries(_machine(options))
    for trend in trends([each for each in summaries if each.profile == options.profile]):
        for change in trend.changes:
            run = trend.runs[change.index]
            share = f"{(change.ratio - 1) * 100:+.1f} %"
            print(f"{run.id}  {run.commit[:12]:<12}  {share:>9}  {trend.identity}")
    return ExitCode.OK


def _baseline(options: argparse.Namespace) -> int:
    from results.history.baseline import baseline
    from results.store import Store

    run = baseline(_place(options), _machine(options), options.profile, options.runs, before=options.before)
    Store(options.output.parent).save(run, path=options.output, force=options.force)
    print(f"baseline   {options.output}")
    return ExitCode.OK


def _place(options: argparse.Namespace) -> "Keep":
    from results.history import kept

    return kept(options.where)


def _machine(options: argparse.Namespace) -> str:
    from bench.machine_id import machine_id

    return str(options.machine or machine_id())
