# ruff: noqa: PTH116, PTH120, PTH123 - plain strings and descriptors, as in system calls
"""Reading files of lines that grow, and that are renamed when they have grown enough."""

import os
import select
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import suppress
from types import TracebackType
from typing import TYPE_CHECKING, BinaryIO, Self

if TYPE_CHECKING:
    from inotify_simple import INotify

_ATTEMPTS = 100


class Follower:
    """A context that reads files of lines, oldest file first.

    Args:
        paths: the files there are now, the one that grows last; they may be renamed at any time, when that
            one takes the name of the one before it.
    """

    def __init__(self, paths: Callable[[], Sequence[str]]) -> None:
        self._paths = paths
        self._inotify: INotify | None = None
        self._file: BinaryIO | None = None
        self._rest = b""

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, value: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._close()
        if self._inotify:
            self._inotify.close()

    def lines(self, *, follow: bool, end: int = -1, until: int | None = None) -> Iterator[str]:
        """Lines without their ends.

        Args:
            follow: whether to wait for more.
            end: a descriptor that is readable once no more will come.
            until: when to stop waiting, in nanoseconds since the epoch.
        """
        if follow:
            from inotify_simple import INotify, flags

            self._inotify = INotify(inheritable=False)
            mask = flags.MODIFY | flags.CREATE | flags.MOVED_TO | flags.MOVED_FROM
            self._inotify.add_watch(os.path.dirname(self._paths()[-1]), mask)
        while True:
            # What was said before the end is read after it.
            is_over = not follow or (end >= 0 and _is_readable(end))
            yield from self._new()
            if is_over or not self._await(end, until):
                break
        yield from self._new()
        if self._rest and end >= 0:
            yield self._rest.decode(errors="replace")

    def _new(self) -> Iterator[str]:
        while self._file or self._open_next():
            assert self._file is not None
            # Once it has another name nothing is added to it any more.
            is_last = self._is_last()
            yield from self._complete(self._file.read() or b"")
            if is_last or not self._open_next():
                return

    def _open_next(self) -> bool:
        """Open the file behind the one that is open, the oldest if that is gone; whether there is one."""
        own = os.fstat(self._file.fileno()).st_ino if self._file else 0
        for _ in range(_ATTEMPTS):
            found = [(number, path) for path in self._paths() if (number := _inode(path))]
            numbers = [number for number, _ in found]
            rest = found[numbers.index(own) + 1 :] if own in numbers else found
            if not rest:
                return False
            number, path = rest[0]
            with suppress(FileNotFoundError):
                file = open(path, "rb", 0)  # noqa: SIM115 - kept
                if os.fstat(file.fileno()).st_ino == number:
                    self._close()
                    self._file = file
                    return True
                # It got another name meanwhile.
                file.close()
        return False

    def _is_last(self) -> bool:
        assert self._file is not None
        last = next((number for path in reversed(self._paths()) if (number := _inode(path))), 0)
        return last in (0, os.fstat(self._file.fileno()).st_ino)

    def _complete(self, data: bytes) -> Iterator[str]:
        *complete, self._rest = (self._rest + data).split(b"\n")
        for line in complete:
            yield line.decode(errors="replace")

    def _await(self, end: int, until: int | None) -> bool:
        """Wait for a change; whether one may have come before the time was over."""
        assert self._inotify is not None
        poll = select.poll()
        poll.register(self._inotify.fileno(), select.POLLIN)
        if end >= 0:
            poll.register(end, select.POLLIN)
        left = None if until is None else max((until - time.time_ns()) / 1e6, 0)
        if not poll.poll(left):
            return False
        self._inotify.read(timeout=0)
        return True

    def _close(self) -> None:
        if self._file:
            self._file.close()
            self._file = None


def _inode(path: str) -> int:
    """The number that tells a file from others whatever its name, 0 when it is gone."""
    try:
        return os.stat(path).st_ino
    except FileNotFoundError:
        return 0


def _is_readable(descriptor: int) -> bool:
    poll = select.poll()
    poll.register(descriptor, select.POLLIN)
    return bool(poll.poll(0))
