"""Steps that touch the UTS, network and IPC namespaces."""

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

    def join(self, path: str, flag: int) -> None:
        """Enter a namespace of another container, given by a path and its CLONE_NEW* flag."""
        self._detail = path
        descriptor = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
        try:
            syscalls.setns(descriptor, flag)
        finally:
            os.close(descriptor)

    def sysctl(self, name: str, value: str) -> None:
        """Set a kernel parameter of the process's namespaces; its name with dots."""
        self._detail = name
        descriptor = os.open(f"/proc/sys/{name.replace('.', '/')}", os.O_WRONLY | os.O_CLOEXEC)
        try:
            os.write(descriptor, value.encode())
        finally:
            os.close(descriptor)
