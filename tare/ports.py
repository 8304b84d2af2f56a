"""Ports of the host that lead to a container or machine, as `-p` names them."""

import re
from collections.abc import Iterable
from dataclasses import dataclass
from ipaddress import IPv4Address, IPv6Address, ip_address
from typing import Any

from tare.errors import UsageError

_RANGE = r"(\d{1,5})(?:-(\d{1,5}))?"
_TEXT = re.compile(
    rf"(?:(?:(?P<host>\[[^\]]*\]|[^:\[\]]*):)?(?:{_RANGE})?:)?{_RANGE}(?:/(?P<protocol>[a-z]+))?",
    re.ASCII | re.IGNORECASE,
)
_PROTOCOLS = ("tcp", "udp", "sctp")


@dataclass(frozen=True)
class Published:
    """A port of a container that the host answers for.

    Args:
        protocol: tcp, udp or sctp.
        host: the host's address it is published on; all when None, all of one version when unspecified.
        host_port: on the host; 0 for any free one.
        port: in the container.
    """

    protocol: str
    host: IPv4Address | IPv6Address | None
    host_port: int
    port: int

    @property
    def is_on_all(self) -> bool:
        """Whether no particular address of the host is meant."""
        return self.host is None or self.host.is_unspecified

    def document(self) -> list[Any]:
        """The port as JSON has it."""
        return [self.protocol, str(self.host) if self.host else "", self.host_port, self.port]

    @classmethod
    def parse(cls, document: list[Any]) -> "Published":
        """The port of a document that `document` made."""
        protocol, host, host_port, port = document
        return cls(protocol, ip_address(host) if host else None, host_port, port)

    def __str__(self) -> str:
        host = f"[{self.host}]" if isinstance(self.host, IPv6Address) else str(self.host or "0.0.0.0")  # noqa: S104
        return f"{host}:{self.host_port}->{self.port}/{self.protocol}"


def parse(text: str) -> tuple[Published, ...]:
    """The ports of one `-p [[HOST:][PORT[-PORT]]:]PORT[-PORT][/PROTOCOL]`, one each of a range.

    Raises:
        UsageError: the text has another form, or the ranges don't match.
    """
    matched = _TEXT.fullmatch(text)
    if not matched:
        raise UsageError(f"{text!r} publishes no port", "write such as 8080:80, 127.0.0.1:53:53/udp or 80")
    host = (matched["host"] or "").strip("[]")
    _, host_first, host_last, first, last, _ = matched.groups()
    protocol = (matched["protocol"] or "tcp").lower()
    if protocol not in _PROTOCOLS:
        raise UsageError(f"{protocol!r} in {text!r} is no protocol", "use tcp, udp or sctp")
    inside = _range(first, last, text)
    outside = _range(host_first, host_last, text) if host_first else [0] * len(inside)
    if len(outside) != len(inside):
        raise UsageError(f"the ranges in {text!r} differ in length", "give as many ports on either side")
    try:
        address = ip_address(host) if host else None
    except ValueError:
        raise UsageError(f"{host!r} in {text!r} is no address of this host", "write an IP address") from None
    return tuple(
        Published(protocol, address, there, here) for there, here in zip(outside, inside, strict=True)
    )


def published(texts: Iterable[str]) -> tuple[Published, ...]:
    """The ports of each -p, each once.

    Raises:
        UsageError: one publishes none.
    """
    return tuple(dict.fromkeys(port for text in texts for port in parse(text)))


def _range(first: str, last: str | None, text: str) -> list[int]:
    ports = list(range(int(first), int(last or first) + 1))
    if not ports or ports[0] < 1 or ports[-1] > 65535:
        raise UsageError(f"{text!r} names no port", "ports are 1 to 65535, and ranges ascend")
    return ports
