"""Being told when a group runs out of memory; see the kernel's cgroup-v1/memory and cgroup-v2."""

from __future__ import annotations

import os
import select

from runtime.cgroups import files

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from types import TracebackType
    from typing import Self


class OomWatch:
    """Watches one container's groups; a context, and an iterator that yields once for each OOM event.

    The iteration ends when the groups are gone, and where there is a version 2 tree already when the last
    process is.

    Args:
        paths: directories by controller, "" for version 2.

    Raises:
        CgroupError: there is no memory controller, or no group.
    """

    def __init__(self, paths: Mapping[str, str]) -> None:
        self._open: list[int] = []
        self._eventfd = self._events = self._end = -1
        self._epoll = select.epoll()
        try:
            if "memory" in paths:
                self._watch_v1(paths["memory"], paths.get("", ""))
            elif "" in paths:
                self._watch_v2(paths[""])
            else:
                raise files.missing("memory")
        except BaseException:
            self.close()
            raise

    def fileno(self) -> int:
        """A descriptor that is readable when `event` has something to say."""
        return self._epoll.fileno()

    def event(self, timeout: float | None = None) -> str:
        """Wait for what happens next.

        Args:
            timeout: seconds to wait, without end when None.

        Returns:
            `oom`, `gone`, or an empty string after the timeout.
        """
        while True:
            ready = self._epoll.poll(timeout)
            if not ready:
                return ""
            if happened := self._happened():
                return happened

    def close(self) -> None:
        """Stop watching."""
        self._epoll.close()
        while self._open:
            os.close(self._open.pop())

    def __iter__(self) -> Iterator[str]:
        while (happened := self.event()) != "gone":
            yield happened

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, value: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def _watch_v1(self, path: str, unified: str) -> None:
        self._control = f"{path}/cgroup.event_control"
        self._eventfd = os.eventfd(0, os.EFD_CLOEXEC | os.EFD_NONBLOCK)
        self._open.append(self._eventfd)
        files.write(self._control, f"{self._eventfd} {self._opened(f'{path}/memory.oom_control')}")
        self._epoll.register(self._eventfd, select.EPOLLIN)
        if unified:
            self._watch_end(unified)

    def _watch_v2(self, path: str) -> None:
        self._events = self._opened(f"{path}/memory.events")
        self._epoll.register(self._events, select.EPOLLPRI)
        self._kills = self._read(self._events, "oom_kill")
        self._watch_end(path)

    def _watch_end(self, path: str) -> None:
        self._end = self._opened(f"{path}/cgroup.events")
        self._epoll.register(self._end, select.EPOLLPRI)
        self._read(self._end, "populated")

    def _opened(self, path: str) -> int:
        try:
            descriptor = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
        except OSError as error:
            raise files.refused(f"watch {path}", error) from error
        self._open.append(descriptor)
        return descriptor

    def _happened(self) -> str:
        if self._eventfd >= 0:
            try:
                os.eventfd_read(self._eventfd)
            except BlockingIOError:
                pass
            else:
                # The kernel also signals when the group is removed.
                return "oom" if os.access(self._control, os.F_OK) else "gone"
        elif (kills := self._read(self._events, "oom_kill")) > self._kills:
            self._kills = kills
            return "oom"
        return "gone" if self._end >= 0 and self._read(self._end, "populated") <= 0 else ""

    @staticmethod
    def _read(descriptor: int, key: str) -> int:
        """A key's value, -1 when the group is gone."""
        try:
            text = os.pread(descriptor, 4096, 0).decode()
        except OSError:
            return -1
        return int(dict(line.split() for line in text.splitlines()).get(key, -1))
