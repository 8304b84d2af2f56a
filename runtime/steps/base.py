"""What all steps share: the channel to the parent, and how a failure is reported."""

from __future__ import annotations

import errno
import os
import time

from runtime import light, syscalls, wire

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from typing import NoReturn

    from runtime.cgroups.hierarchy import Shown

SETUP_FAILED = 125
Step = tuple[object, ...]


class Base:
    """A process on its way to becoming a container's.

    The first step to fail is reported over the channel as (step, errno, detail) and ends the process.

    Args:
        channel: where a failing step is reported and the go-ahead is awaited.
        stdio: the three descriptors that become 0, 1 and 2.
    """

    def __init__(self, channel: light.socket.socket, stdio: Sequence[int]) -> None:
        self._channel = channel
        self._stdio = stdio
        self._groups: list[int] = []
        self._shown: Shown = ([], [])
        self._step = ""
        self._detail = ""

    def run(self, steps: Sequence[Step]) -> NoReturn:
        """Carry out the steps, of which the last is `execute`; never returns."""
        try:
            self.perform(steps)
        except OSError as error:
            self._fail(self._step, error.errno or errno.EIO, self._detail)
        finally:
            os._exit(SETUP_FAILED)

    def perform(self, steps: Sequence[Step]) -> None:
        """Carry out steps one after the other.

        Raises:
            OSError: one failed.
        """
        for step in steps:
            self._step = str(step[0])
            self._detail = ""
            operation: Callable[..., None] = getattr(self, self._step)
            operation(*step[1:])

    def _fail(self, step: str, number: int, detail: str) -> None:
        wire.send(self._channel, ("failed", step, number, detail))

    def open_groups(self, paths: Sequence[str], shown: Shown = ([], [])) -> None:
        """Open the `tasks` or `cgroup.procs` files while they can still be seen.

        Args:
            paths: the files.
            shown: groups for `control_groups`.
        """
        self._shown = shown
        for path in paths:
            self._detail = path
            self._groups.append(os.open(path, os.O_WRONLY | os.O_CLOEXEC))

    def join_groups(self) -> None:
        """Move into the opened groups; writing 0 moves the writer, which spares the kernel a global lock."""
        for descriptor in self._groups:
            os.write(descriptor, b"0")
            os.close(descriptor)

    def unshare(self, flags: int) -> None:
        """Leave the given namespaces for new ones."""
        syscalls.unshare(flags)

    def await_go(self) -> None:
        """Wait until the engine has made what has to be made from outside."""
        if self._channel.recv(1) != b"g":
            os._exit(SETUP_FAILED)

    def session(self) -> None:
        """Lead a new session, so that the terminal's signals come from the engine alone."""
        os.setsid()

    def stdio(self) -> None:
        """Put the standard descriptors in place."""
        for number, descriptor in enumerate(self._stdio):
            os.dup2(descriptor, number)

    def announce(self) -> None:
        """Tell the engine that all namespaces are complete, so that others can join them."""
        wire.send(self._channel, ("complete", time.monotonic_ns()))
