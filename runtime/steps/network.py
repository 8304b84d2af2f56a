"""Steps that touch the UTS and network namespaces."""

from __future__ import annotations

from runtime import interface, light
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
            interface.default_route(gateway)
