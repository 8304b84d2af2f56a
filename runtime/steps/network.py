"""Steps that touch the UTS and network namespaces."""

from __future__ import annotations

import os

from runtime import interface, light, syscalls
from runtime.steps.base import Base


class Network(Base):
    """Names the host, and has a network."""

    def hostname(self, name: str) -> None:
        """Name the host inside the new UTS namespace."""
        light.socket.sethostname(name)

    def loopback(self) -> None:
        """Bring the loopback interface up."""
        interface.up("lo")

    def join_network(self, path: str) -> None:
        """Enter the network namespace of another container, given as below /proc/PID/ns."""
        self._detail = path
        descriptor = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
        try:
            syscalls.setns(descriptor, syscalls.CLONE_NEWNET)
        finally:
            os.close(descriptor)
