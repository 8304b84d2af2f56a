"""What a detached machine's payload said: frames of standard output and error, in their order."""

import os
import select
from collections.abc import Callable, Iterator
from pathlib import Path

from inotify_simple import INotify, flags

from vm_baseline.frames import Frame, Kind, Parser

_FILE = "output"
_PIECE = 65536


class Log:
    """Takes what is said.

    Args:
        place: the directory it is kept in.
    """

    def __init__(self, place: Path) -> None:
        self._file = (place / _FILE).open("ab", buffering=0)

    def output(self, data: bytes) -> None:
        """A piece of its standard output."""
        self._file.write(Frame(Kind.OUTPUT, 0, data).packed())

    def errors(self, data: bytes) -> None:
        """A piece of its standard error."""
        self._file.write(Frame(Kind.ERRORS, 0, data).packed())


def entries(
    place: Path, lives: Callable[[], bool] | None = None, interrupt: int | None = None
) -> Iterator[Frame]:
    """What was said, and what is said from now on while something lives.

    Args:
        place: the directory.
        lives: whether more may come; None to take what there is.
        interrupt: a descriptor; once it can be read, `lives` is asked at once.
    """
    parser = Parser()
    interrupts = () if interrupt is None else (interrupt,)
    with INotify() as watch, (place / _FILE).open("rb", buffering=0) as file:
        watch.add_watch(str(place), flags.MODIFY | flags.MOVED_TO | flags.DELETE_SELF)
        while True:
            # Asked before the last look, so that nothing said at the end is missed.
            more = lives is not None and lives()
            while data := os.read(file.fileno(), _PIECE):
                yield from parser.feed(data)
            if not more:
                return
            select.select([watch, *interrupts], [], [], 1)
            watch.read(timeout=0)


def lines(place: Path) -> int:
    """How many lines there are by now, one that is not ended yet included."""
    said = b"".join(frame.body for frame in entries(place))
    return said.count(b"\n") + (not said.endswith(b"\n") and bool(said))
