# ruff: noqa: PTH116, PTH120, PTH123 - plain strings and descriptors, as in system calls
"""Reading files of lines that grow, and that are renamed when they have grown enough."""

import os
import select
import time
from collections.abc import Iterator, Sequence
from contextlib import suppress
from types import TracebackType
from typing import BinaryIO, Self

from inotify_simple import INotify, flags


class Follower:
    """A context that reads files of lines, oldest file first.

    Args:
        paths: the files, the one that grows last; when that is full, it takes the name of the one before.
    """

    def __init__(self, paths: Sequence[str]) -> None:
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
            self._inotify = INotify(inheritable=False)
            mask = flags.MODIFY | flags.CREATE | flags.MOVED_TO | flags.MOVED_FROM
            self._inotify.add_watch(os.path.dirname(self._paths[-1]), mask)
        for path in self._paths[:-1]:
            with suppress(FileNotFoundError), open(path, "rb") as file:
                yield from self._complete(file.read())
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
        while True:
            if self._file is None:
                try:
                    self._file = open(self._paths[-1], "rb", 0)  # noqa: SIM115 - kept
                except FileNotFoundError:
                    return
            yield from self._complete(self._file.read() or b"")
            if self._is_current():
                return
            # It was renamed meanwhile, and nothing is added to it any more.
            yield from self._complete(self._file.read() or b"")
            self._close()

    def _complete(self, data: bytes) -> Iterator[str]:
        *complete, self._rest = (self._rest + data).split(b"\n")
        for line in complete:
            yield line.decode(errors="replace")

    def _is_current(self) -> bool:
        assert self._file is not None
        try:
            return os.path.samestat(os.fstat(self._file.fileno()), os.stat(self._paths[-1]))
        except FileNotFoundError:
            return True

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


def _is_readable(descriptor: int) -> bool:
    poll = select.poll()
    poll.register(descriptor, select.POLLIN)
    return bool(poll.poll(0))
