"""A container's first process between clone and exec, as the engine's plans have it."""

from __future__ import annotations

import os
import select

from runtime import light, syscalls
from runtime.steps.base import SETUP_FAILED, Step
from runtime.steps.command import Command
from runtime.steps.network import Network
from runtime.steps.overlay import Overlay
from runtime.steps.privileges import Privileges

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Sequence

__all__ = ["SETUP_FAILED", "Child", "Step"]


class Child(Overlay, Network, Privileges, Command):
    """A process on its way to becoming a container's.

    Args:
        channel: where a failing step is reported and the go-ahead is awaited.
        stdio: the three descriptors that become 0, 1 and 2.
        name: the container's name, which its root mount carries on the host.
        directory: where the container's directory on disk may be made; what it is to be made in exists.
        launcher: pidfd of the launcher.
    """

    def __init__(
        self,
        channel: light.socket.socket,
        stdio: Sequence[int],
        *,
        launcher: int,
        name: str = "",
        directory: str = "",
    ) -> None:
        super().__init__(channel, stdio)
        self._launcher = launcher
        self._name = name
        self._directory = directory

    def die_with_parent(self, number: int) -> None:
        """Get this signal when the launcher ends; if it has by now, end."""
        syscalls.prctl(syscalls.PR_SET_PDEATHSIG, number)
        poll = select.poll()
        poll.register(self._launcher, select.POLLIN)
        if poll.poll(0):
            os._exit(SETUP_FAILED)
