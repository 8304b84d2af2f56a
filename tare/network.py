"""A network as those see it who put a link of their own on its bridge.

The container side has the networks and machines join them, and neither knows the other: whoever has networks
offers a `NetworkSource` as an entry point of the group `tarebench.networks`.
"""

from collections.abc import Callable
from contextlib import AbstractContextManager
from dataclasses import dataclass
from ipaddress import IPv4Address, IPv4Interface, IPv6Address, IPv6Interface
from pathlib import Path
from typing import Protocol

from tare.ports import Published
from tare.resolver import Alias, Resolver
from tare.state import State

GROUP = "tarebench.networks"
"""The entry points' group; see the packaging specification "Entry points"."""


@dataclass(frozen=True)
class Wish:
    """What is asked of a network.

    Args:
        network: its name or id.
        hostname: of who joins it, by which others know it, too; one is made up when it is empty.
        address: any that is free when None.
        aliases: further names.
        ports: of the host that lead to it.
        resolver: what it asks for names, where that isn't the network's.
        hosts: more lines for its /etc/hosts.
    """

    network: str
    hostname: str = ""
    address: IPv4Address | None = None
    aliases: tuple[str, ...] = ()
    ports: tuple[Published, ...] = ()
    resolver: Resolver = Resolver()  # noqa: RUF009 - frozen
    hosts: tuple[Alias, ...] = ()


@dataclass(frozen=True)
class Lease:
    """A place on a network.

    Args:
        bridge: the name of the host's link.
        address: with the network's prefix.
        gateway: the default route; None where nothing leads beyond the network.
        address6: with the network's prefix, None without IPv6; likewise gateway6.
        mac: the hardware address that others may know for the address.
        mtu: bytes.
        hostname: the one asked for or made up.
        hosts: the file of the names on the network, which changes as others come and go.
        resolv: text of /etc/resolv.conf.
        join: to be called once a link is on the bridge, with its name and a directory that is there for as
            long as its owner; opens the ports and tells others the names. It raises NetworkError.
    """

    bridge: str
    address: IPv4Interface
    gateway: IPv4Address | None
    address6: IPv6Interface | None
    gateway6: IPv6Address | None
    mac: str
    mtu: int
    hostname: str
    hosts: Path
    resolv: str
    join: Callable[[str, Path], None]


class NetworkSource(Protocol):
    """Whoever has networks."""

    def __call__(self, state: State, wish: Wish) -> AbstractContextManager[Lease]:
        """A place on a network, whose bridge is there; given back with all that it has at the context's end.

        Raises:
            NetworkError: no such network, an address or port is taken, or none is left.
            UsageError: a name without meaning.
        """
