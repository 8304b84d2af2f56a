"""Connects containers' network namespaces as their specifications say; see veth(4)."""

import os
from abc import abstractmethod
from dataclasses import dataclass

from runtime.network import links, place
from runtime.spec import Interface
from tare.errors import NetworkError
from tare.state import PREFIX


@dataclass(frozen=True)
class Pluggable(Interface):
    """An interface that knows by itself how a container is connected."""

    @abstractmethod
    def plug(self, pid: int) -> None:
        """Connect the process's network namespace.

        Raises:
            NetworkError: the kernel refuses.
        """


class Links:
    """Makes and removes the links of one engine's containers, from any thread."""

    @place.there
    def add(self, interface: Interface, pid: int, name: str) -> str:
        """Connect a process's network namespace: a veth pair from the bridge, the other end eth0, configured.

        Args:
            interface: bridge, address and gateway.
            pid: a process in the namespace.
            name: the container's name, with the tag that the host's end carries too.

        Returns:
            The name of the host's end, empty when it is not the engine's to remove.

        Raises:
            NetworkError: no such bridge, or the kernel refuses.
        """
        if isinstance(interface, Pluggable):
            interface.plug(pid)
            return ""
        tag = name.removeprefix(PREFIX).partition("-")[0]
        gateways = [interface.gateway.packed] if interface.gateway else []
        try:
            namespace = os.open(f"/proc/{pid}/ns/net", os.O_RDONLY | os.O_CLOEXEC)
            try:
                link = links.add_veth(tag, interface.bridge, "eth0", namespace)
                address = interface.address
                links.configure(namespace, "eth0", [(address.packed, address.network.prefixlen)], gateways)
            finally:
                os.close(namespace)
        except OSError as error:
            raise NetworkError(
                f"can't connect a container to {interface.bridge}: {error.strerror}", "see `tarebox doctor`"
            ) from None
        return link

    def remove(self, link: str) -> None:
        """Remove a pair; one that went with its namespace is no fault."""
        links.remove(link)

    def close(self) -> None:
        """Nothing is held between calls."""
