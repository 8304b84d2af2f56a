"""`tarebench compare`: what became better or worse between two runs."""

import argparse
import math
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from tare.errors import UsageError

if TYPE_CHECKING:
    from results import Run
    from results.comparability import Obstacle

    Commands = argparse._SubParsersAction[argparse.ArgumentParser]


def add(commands: "Commands") -> None:
    """The command and its options."""
    parser = commands.add_parser("compare", help="tell what became better or worse between two runs")
    parser.add_argument("base", type=Path, metavar="BASE", help="a results file or journal to compare with")
    parser.add_argument("new", type=Path, metavar="NEW", help="the one to judge")
    parser.add_argument(
        "--format", default="text", metavar="NAME", help="text, markdown, json or junit (default: text)"
    )
    parser.add_argument("-o", "--output", type=Path, metavar="FILE", help="where to (default: stdout)")
    parser.add_argument("--force", action="store_true", help="replace a file of that name")
    parser.add_argument(
        "--threshold",
        action="append",
        dest="thresholds",
        default=[],
        type=_threshold,
        metavar="METRIC=PERCENT",
        help="by how much startup, startup/time or startup/time/exit must differ; repeated for more",
    )
    parser.add_argument(
        "--allow",
        type=lambda text: [name for name in text.split(",") if name],
        default=[],
        metavar="A,B",
        help="compare although these differ: machine, kernel, settings, plan, version, accelerator,"
        " missing (subjects), incomplete (runs)",
    )
    parser.set_defaults(perform=_compare)


def _compare(options: argparse.Namespace) -> int:
    from results.comparability import Obstacle

    unknown = [name for name in options.allow if name not in list(Obstacle)]
    if unknown:
        raise UsageError(f"nothing to allow is called {unknown[0]!r}", f"choose from {', '.join(Obstacle)}")
    return judged(
        options.base,
        options.new,
        options.format,
        allowed=[Obstacle(name) for name in options.allow],
        thresholds=dict(options.thresholds),
        output=options.output,
        force=options.force,
    )


def judged(
    base: Path,
    new: Path,
    form: str,
    *,
    allowed: Sequence["Obstacle"],
    thresholds: Mapping[str, float] | None = None,
    output: Path | None = None,
    force: bool = False,
) -> int:
    """Compare two files and print or write what is to say; returns the exit code.

    Raises:
        UsageError: an option has no meaning, or a file isn't there.
        NotComparable: the runs can't be compared.
        ResultsError: the output can't be written.
    """
    from reports.comparisons import formats, rendered
    from results.comparison import compare
    from results.files import write

    if form not in formats():
        raise UsageError(f"no format is called {form!r}", f"choose from {', '.join(formats())}")
    if output and output.exists() and not force:
        raise UsageError(f"{output} is there already", "choose another name, or give --force")
    comparison = compare(_loaded(base), _loaded(new), thresholds=thresholds, allowed=allowed)
    text = f"{rendered(comparison, form)}\n"
    if output:
        write(output, text.encode(), force=force)
    else:
        print(text, end="")
    return comparison.outcome


def _loaded(path: Path) -> "Run":
    """A run, whose faults make it one that can't be compared. Raises: UsageError, NotComparable."""
    from results import ResultsError
    from results.comparability import NotComparable
    from results.store import Store

    if not path.exists():
        raise UsageError(f"there is no file {path}", "give a results file or journal")
    try:
        return Store(path.parent).load(path)
    except ResultsError as error:
        raise NotComparable(error.what, error.hint) from error


def _threshold(text: str) -> tuple[str, float]:
    name, _, percent = text.rpartition("=")
    try:
        share = float(percent.removesuffix("%")) / 100
    except ValueError:
        share = math.nan
    if not name or not 0 <= share < math.inf:
        raise argparse.ArgumentTypeError(f"{text!r} is no METRIC=PERCENT")
    return name, share
