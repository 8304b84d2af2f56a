"""Where reports go: the usual place has the last one, any other is not written over unasked."""

import argparse
from pathlib import Path

from tare.errors import UsageError

_USUAL = Path("reports/out")


def add(parser: argparse.ArgumentParser) -> None:
    """The options that say where."""
    parser.add_argument("-o", "--out", type=Path, help=f"where the report goes (default: {_USUAL})")
    parser.add_argument("--force", action="store_true", help="write into a directory that has files already")


def place(options: argparse.Namespace) -> Path:
    """The directory. Raises: UsageError: it has files, and nobody said that they may be replaced."""
    out: Path = options.out or _USUAL
    if options.out and not options.force and _is_filled(out):
        raise UsageError(f"{out} has files already", "choose another directory, or give --force")
    return out


def _is_filled(directory: Path) -> bool:
    """Whether something is there; of a directory that can't be read whoever writes there tells."""
    try:
        return any(directory.iterdir())
    except OSError:
        return False
