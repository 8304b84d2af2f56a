"""`tarebench export`: runs in the formats of other programs."""

import argparse
from pathlib import Path
from typing import TYPE_CHECKING

from tare.errors import ExitCode

if TYPE_CHECKING:
    Commands = argparse._SubParsersAction[argparse.ArgumentParser]


def add(commands: "Commands") -> None:
    """The command and its options."""
    from results import Better
    from results.export import formats

    parser = commands.add_parser("export", help="write runs in the format of another program")
    parser.add_argument(
        "runs", nargs="*", type=Path, metavar="RUN", help="results files or journals (default: the last run)"
    )
    parser.add_argument("--format", required=True, metavar="NAME", help=", ".join(formats()))
    parser.add_argument(
        "--better", choices=[str(way) for way in Better], help="only metrics that are better that way"
    )
    parser.add_argument("-o", "--output", type=Path, metavar="FILE", help="where to (default: stdout)")
    parser.add_argument("--force", action="store_true", help="replace a file of that name")
    parser.add_argument("--results", type=Path, default=Path("results/runs"), help="where runs are kept")
    parser.set_defaults(perform=_export)


def _export(options: argparse.Namespace) -> int:
    from results import Better
    from results.export import export
    from results.files import write
    from results.store import Store

    store = Store(options.results)
    runs = [store.load(path) for path in options.runs or [store.latest()]]
    text = export(runs, options.format, Better(options.better) if options.better else None)
    if options.output is None:
        print(text, end="")
    else:
        write(options.output, text.encode(), force=options.force)
    return ExitCode.OK
