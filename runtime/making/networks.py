"""What the network options of `docker run` ask for."""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import replace
from ipaddress import IPv4Address, IPv6Address, ip_address
from typing import TypeVar

from runtime.network import mode
from runtime.network.model import Connection
from tare import ports
from tare.errors import UsageError

_Address = TypeVar("_Address", IPv4Address, IPv6Address)
_KEYS = ("name", "alias", "ip", "ip6", "mac-address", "driver-opt", "gw-priority")


def connections(
    texts: Sequence[str],
    *,
    aliases: Sequence[str] = (),
    address: str = "",
    address6: str = "",
    mac: str = "",
) -> tuple[str, tuple[Connection, ...]]:
    """The mode and the connections, of which modes other than a network have none.

    Args:
        texts: of each --network: a mode, a network, or `name=…,ip=…,ip6=…,alias=…,mac-address=…`.
        aliases: further names on the first network; likewise the addresses, any when empty.

    Raises:
        UsageError: one has no meaning, or two exclude each other.
    """
    found = [_connection(text) for text in texts or ("bridge",)]
    first = found[0]
    if aliases or address or address6 or mac:
        wanted = Connection(
            first.network,
            _address(IPv4Address, address, "--ip") or first.address,
            _address(IPv6Address, address6, "--ip6") or first.address6,
            mac or first.mac,
            (*first.aliases, *aliases),
        )
        found[0] = wanted
    modes = [mode.parse(connection.network) for connection in found]
    alone = next((each for each in modes if each.kind != mode.BRIDGE), None)
    if alone is None:
        names = [each.target for each in modes]
        if len(set(names)) < len(names):
            raise UsageError("a container can be on a network only once", "name each network once")
        return names[0], tuple(map(_renamed, found, names))
    if len(found) > 1:
        raise UsageError(f"--network {texts[0]} goes with no other network", "leave the others out")
    if found[0] != Connection(found[0].network):
        raise UsageError(
            f"--network {texts[0]} has no addresses or names of its own", "leave them out, or name a network"
        )
    return found[0].network, ()


def exposed(texts: Iterable[str]) -> tuple[str, ...]:
    """`PORT/PROTOCOL` for the ports of each --expose PORT[-PORT][/PROTOCOL].

    Raises:
        UsageError: one names none.
    """
    found = []
    for text in texts:
        if ":" in text:
            raise UsageError(f"--expose {text!r} names a port of the host", "publish it with -p")
        found += [f"{port.port}/{port.protocol}" for port in ports.parse(text)]
    return tuple(dict.fromkeys(found))


def check_address(text: str, option: str) -> None:
    """See that it is an address of either version.

    Raises:
        UsageError: it is none.
    """
    try:
        ip_address(text)
    except ValueError:
        raise UsageError(f"{option} {text!r} is no IP address", "write one such as 192.0.2.1") from None


def _renamed(connection: Connection, network: str) -> Connection:
    return replace(connection, network=network)


def _connection(text: str) -> Connection:
    if "=" not in text:
        return Connection(text)
    values: dict[str, list[str]] = {}
    for part in text.split(","):
        key, equals, value = part.partition("=")
        if key not in _KEYS or not equals or not value:
            raise UsageError(f"{part!r} in --network has no meaning", f"use {', '.join(_KEYS[:5])}")
        values.setdefault(key, []).append(value)
    if len(values.get("name", ())) != 1:
        raise UsageError(f"--network {text} names no network", "write name=NETWORK,…")
    for key in set(values) - {"alias"}:
        if len(values[key]) > 1:
            raise UsageError(f"--network {text} has {key} twice", "leave one out")
    if "driver-opt" in values or "gw-priority" in values:
        raise UsageError("driver-opt and gw-priority of --network aren't supported", "leave them out")
    mac = values.get("mac-address", [""])[0]
    return Connection(
        values["name"][0],
        _address(IPv4Address, values.get("ip", [""])[0], "ip"),
        _address(IPv6Address, values.get("ip6", [""])[0], "ip6"),
        mac,
        tuple(values.get("alias", ())),
    )


def _address(kind: Callable[[str], _Address], text: str, option: str) -> _Address | None:
    if not text:
        return None
    try:
        return kind(text)
    except ValueError:
        version = 6 if kind is IPv6Address else 4
        raise UsageError(f"{option} {text!r} is no IPv{version} address", "write another one") from None
