"""What a network, an endpoint on it and a published port are: data only, as kept on disk."""

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from ipaddress import (
    IPv4Address,
    IPv4Interface,
    IPv4Network,
    IPv6Address,
    IPv6Interface,
    IPv6Network,
)
from typing import Any

from tare.errors import NetworkError, UsageError

DEFAULT = "bridge"
"""The network of a container that names none, as Docker calls it."""
RESERVED = ("host", "none", "container", "default")
DEFAULT_MTU = 1500
_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9_.-]{0,127}", re.ASCII)
_HOST = re.compile(r"[A-Za-z0-9_]([A-Za-z0-9_.-]{0,251}[A-Za-z0-9_])?", re.ASCII)
_MAC = re.compile(r"[0-9a-fA-F]{2}(:[0-9a-fA-F]{2}){5}", re.ASCII)
_OPTION = "com.docker.network."
MTU_OPTION = f"{_OPTION}driver.mtu"
LINK_OPTION = f"{_OPTION}bridge.name"
MASQUERADE_OPTION = f"{_OPTION}bridge.enable_ip_masquerade"
OPTIONS = frozenset((MTU_OPTION, LINK_OPTION, MASQUERADE_OPTION))
"""Driver options that mean something here; Docker's names."""


@dataclass(frozen=True)
class Network:
    """A bridge network.

    Args:
        link: name of the bridge.
        ip_range: where addresses are taken from; the whole subnet when None.
        internal: no way out, and none in but from the host.
        options: driver options, by Docker's names.
        created: RFC 3339.
    """

    name: str
    id: str
    link: str
    subnet: IPv4Network
    gateway: IPv4Address
    ip_range: IPv4Network | None = None
    subnet6: IPv6Network | None = None
    gateway6: IPv6Address | None = None
    internal: bool = False
    mtu: int = DEFAULT_MTU
    labels: Mapping[str, str] = field(default_factory=dict, hash=False)
    options: Mapping[str, str] = field(default_factory=dict, hash=False)
    created: str = ""

    @property
    def masquerades(self) -> bool:
        """Whether what leaves the network carries the host's address."""
        return not self.internal and self.options.get(MASQUERADE_OPTION) != "false"

    @property
    def masquerades6(self) -> bool:
        """Likewise for IPv6, where only unique local addresses (RFC 4193) are hidden."""
        return self.masquerades and self.subnet6 is not None and self.subnet6.is_private

    def document(self) -> dict[str, Any]:
        """The network as JSON has it."""
        optional = {
            "ip_range": self.ip_range,
            "subnet6": self.subnet6,
            "gateway6": self.gateway6,
        }
        return {
            "name": self.name,
            "id": self.id,
            "link": self.link,
            "subnet": str(self.subnet),
            "gateway": str(self.gateway),
            **{key: str(value) for key, value in optional.items() if value is not None},
            "internal": self.internal,
            "mtu": self.mtu,
            "labels": dict(self.labels),
            "options": dict(self.options),
            "created": self.created,
        }

    @classmethod
    def parse(cls, document: Mapping[str, Any]) -> "Network":
        """The network of a document that `document` made."""
        kinds = {
            "subnet": IPv4Network,
            "gateway": IPv4Address,
            "ip_range": IPv4Network,
            "subnet6": IPv6Network,
            "gateway6": IPv6Address,
        }
        return cls(**{key: kinds[key](value) if key in kinds else value for key, value in document.items()})


@dataclass(frozen=True)
class Connection:
    """What is asked of one network for a container.

    Args:
        address: the IPv4 address wanted, any when None; likewise `address6` and `mac`.
        aliases: further names by which others on the network know the container.
    """

    network: str = DEFAULT
    address: IPv4Address | None = None
    address6: IPv6Address | None = None
    mac: str = ""
    aliases: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        if self.mac:
            check_mac(self.mac)
        for alias in self.aliases:
            check_host(alias)


@dataclass(frozen=True)
class Endpoint:
    """A container's place on a network.

    Args:
        interface: name of the link inside the container.
        link: name of its end on the host, empty while unplugged.
    """

    network: str
    interface: str
    address: IPv4Interface
    address6: IPv6Interface | None
    mac: str
    aliases: tuple[str, ...] = ()
    link: str = ""

    @property
    def addresses(self) -> tuple[IPv4Interface | IPv6Interface, ...]:
        """Both, or the one it has."""
        return (self.address, self.address6) if self.address6 else (self.address,)

    def document(self) -> dict[str, Any]:
        """The endpoint as JSON has it."""
        return {
            "network": self.network,
            "interface": self.interface,
            "address": str(self.address),
            "address6": str(self.address6 or ""),
            "mac": self.mac,
            "aliases": list(self.aliases),
        }

    @classmethod
    def parse(cls, document: Mapping[str, Any]) -> "Endpoint":
        """The endpoint of a document that `document` made."""
        return cls(
            network=document["network"],
            interface=document["interface"],
            address=IPv4Interface(document["address"]),
            address6=IPv6Interface(document["address6"]) if document["address6"] else None,
            mac=document["mac"],
            aliases=tuple(document["aliases"]),
        )


def check_name(name: str) -> None:
    """See that a network may be called so.

    Raises:
        NetworkError: it may not.
    """
    if not _NAME.fullmatch(name) or name in RESERVED:
        raise NetworkError(
            f"{name!r} is no name for a network", "use letters, digits, dots, hyphens and underscores"
        )


def check_host(name: str) -> None:
    """See that a container may be known by the name: a line of /etc/hosts must stay what it is.

    Raises:
        UsageError: it may not.
    """
    if not _HOST.fullmatch(name):
        raise UsageError(
            f"{name!r} is no name for a container on a network", "use letters, digits, dots and hyphens"
        )


def check_mac(mac: str) -> None:
    """See that a hardware address is one that a single interface can have (IEEE 802, unicast).

    Raises:
        NetworkError: it is not.
    """
    if not _MAC.fullmatch(mac) or int(mac[:2], 16) & 1 or not mac.strip("0:"):
        raise NetworkError(f"{mac!r} is no address of an interface", "write one such as 02:42:0a:d5:00:02")


def mac_of(address: IPv4Address) -> str:
    """The hardware address Docker gives to the holder of an IPv4 address; what neighbours know stays true."""
    return "02:42:" + address.packed.hex(":")


def id_of(name: str, created: str) -> str:
    """An id as Docker's: 64 hex digits."""
    from tare.hashing import sha256

    return sha256(f"{name}\0{created}".encode()).hexdigest()
