"""Steps that touch the UTS and network namespaces."""

from __future__ import annotations

import os

from runtime import interface, light, syscalls
from runtime.steps.base import Base


class Network(Base):
    """Names the host and sets up interfaces."""

    def hostname(self, name: str) -> None:
        """Name the host inside the new UTS namespace."""
        light.socket.sethostname(name)

    def loopback(self) -> None:
        """Bring the loopback interface up."""
        interface.up("lo")

    def interface(self, address: str, netmask: str, gateway: str) -> None:
        """Give eth0 its address, bring it up and route through the gateway, where there is one."""
        interface.configure("eth0", address, netmask)
        if gateway:
            try:
                interface.default_route(gateway)
            except FileExistsError:
                # Whoever made the interface has made the route as well.
                return

    def join_network(self, path: str) -> None:
        """Enter the network namespace of another container, given as below /proc/PID/ns."""
        self._detail = path
        descriptor = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
        try:
            syscalls.setns(descriptor, syscalls.CLONE_NEWNET)
        finally:
            os.close(descriptor)
