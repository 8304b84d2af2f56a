"""A container's first process between clone and exec, as the engine's plans have it."""

from __future__ import annotations

import os
import select

from runtime import light, syscalls
from runtime.oci.terminal import Terminal
from runtime.steps.base import SETUP_FAILED, Step
from runtime.steps.command import Command
from runtime.steps.network import Network
from runtime.steps.overlay import Overlay
from runtime.steps.privileges import Privileges

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Sequence

__all__ = ["SETUP_FAILED", "Child", "Step"]


class Child(Overlay, Terminal, Network, Privileges, Command):
    """A process on its way to becoming a container's.

    Args:
        channel: where a failing step is reported and the go-ahead is awaited.
        stdio: the three descriptors that become 0, 1 and 2.
        name: the container's name, which its root mount carries on the host.
        directory: where the container's directory on disk may be made; what it is to be made in exists.
        launcher: pidfd of the launcher, or of who else it is to die with; -1 where it outlives its parent.
        host: descriptor of the host's mount namespace.
        keeps_directory: whether the directory is there, from an earlier start, with what was written.
        console: where the master of a terminal of its own goes; none is made without.
        console_size: its rows and columns.
        joins_terminal: rows and columns of a terminal for a further process of a running container, whose
            master goes to the channel.
    """

    def __init__(
        self,
        channel: light.socket.socket,
        stdio: Sequence[int],
        *,
        launcher: int,
        host: int = -1,
        name: str = "",
        directory: str = "",
        keeps_directory: bool = False,
        console: light.socket.socket | None = None,
        console_size: tuple[int, int] = (0, 0),
        joins_terminal: tuple[int, int] | None = None,
    ) -> None:
        super().__init__(channel, stdio)
        self._launcher = launcher
        self._host = host
        self._name = name
        self._directory = directory
        self._keeps_directory = keeps_directory
        self._console = console
        self._console_size = console_size
        self._joins_terminal = joins_terminal

    def disk_scratch(self) -> None:
        """Enter the container's directory on disk, made here unless it is kept."""
        if self._keeps_directory:
            self.enter_scratch()
        else:
            super().disk_scratch()

    def stdio(self) -> None:
        """Put the standard descriptors in place, or a terminal of a running container."""
        if self._joins_terminal:
            rows, columns = self._joins_terminal
            self.another_terminal((columns, rows))
        else:
            super().stdio()

    def pivot(self) -> None:
        """Enter the root, with a terminal of its own if there is to be one."""
        if self._console:
            channel, self._channel = self._channel, self._console
            rows, columns = self._console_size
            try:
                self.new_terminal((columns, rows))
            finally:
                self._channel = channel
        super().pivot()

    def announce(self) -> None:
        """Tell the engine that all namespaces are complete; who outlives it has no need of it either."""
        try:
            super().announce()
        except (BrokenPipeError, ConnectionResetError):
            if not self._keeps_directory:
                raise

    def die_with_parent(self, number: int) -> None:
        """Get this signal when the launcher ends; if it has by now, end."""
        if self._launcher < 0:
            return
        syscalls.prctl(syscalls.PR_SET_PDEATHSIG, number)
        poll = select.poll()
        poll.register(self._launcher, select.POLLIN)
        if poll.poll(0):
            os._exit(SETUP_FAILED)
