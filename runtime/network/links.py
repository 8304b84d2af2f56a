"""Bridges of the host and the veth pairs that lead from them into containers."""

import os
from collections.abc import Iterable
from contextlib import suppress
from ipaddress import IPv4Address, IPv4Interface, IPv4Network, IPv6Interface, IPv6Network

from runtime.light import socket
from runtime.network import netlink, place, sysctls
from runtime.network.model import DEFAULT_MTU, Endpoint, Network, mac_of
from tare.errors import NetworkError
from tare.state import PREFIX

_ATTEMPTS = 16
_SUBNET_PREFIX = 8
"""Length of the shortest prefix that is somebody's and not part of a default route."""
_LOOPBACK6 = bytes(15) + b"\1"
_LOOPBACK6_METRIC = 2048
_ALPHABET = "0123456789abcdefghijklmnopqrstuvwxyz"


def name(tag: str, kind: str) -> str:
    """A link name of our own, at most 15 characters: prefix, tag, a letter for what it is, and chance."""
    return f"{PREFIX}{tag}{kind}" + "".join(_ALPHABET[byte % len(_ALPHABET)] for byte in os.urandom(4))


@place.there
def make_bridge(
    link: str, tag: str, addresses: Iterable[IPv4Interface | IPv6Interface], *, mtu: int = DEFAULT_MTU
) -> None:
    """A bridge with addresses, up; it has its name only once it is complete.

    Raises:
        NetworkError: the kernel refuses.
    """
    addresses = list(addresses)
    first = next(address.ip for address in addresses if isinstance(address.ip, IPv4Address))
    temporary = name(tag, "t")
    try:
        with netlink.Netlink() as socket_:
            try:
                mac = bytes.fromhex(mac_of(first).replace(":", ""))
                socket_.request(netlink.bridge(temporary, mac=mac, mtu=mtu))
                index = netlink.index(temporary)
                with suppress(FileNotFoundError):
                    # A container could else route the host's traffic through itself.
                    sysctls.put(f"ipv6/conf/{temporary}/accept_ra", "0")
                socket_.request(
                    *(netlink.address(index, one.packed, one.network.prefixlen) for one in addresses)
                )
                socket_.request(netlink.up(index, link))
            except BaseException:
                with suppress(OSError):
                    socket_.request(netlink.remove(temporary))
                raise
    except OSError as error:
        raise NetworkError(
            f"can't make the bridge {link}: {error.strerror}", "see `tarebox doctor`"
        ) from None


@place.there
def plug(tag: str, network: Network, endpoint: Endpoint, namespace: int, *, is_way_out: bool) -> str:
    """Lead a network into a namespace: a veth pair, addresses and routes.

    Args:
        namespace: descriptor of the network namespace.
        is_way_out: whether the default routes go through it.

    Returns:
        The name of the host's end.

    Raises:
        NetworkError: the kernel refuses.
    """
    try:
        link = add_veth(
            tag,
            network.link,
            endpoint.interface,
            namespace,
            mac=bytes.fromhex(endpoint.mac.replace(":", "")),
            mtu=network.mtu,
        )
        gateways = [network.gateway, network.gateway6] if is_way_out else []
        try:
            configure(
                namespace,
                endpoint.interface,
                [(one.packed, one.network.prefixlen) for one in endpoint.addresses],
                [gateway.packed for gateway in gateways if gateway],
            )
        except BaseException:
            remove(link)
            raise
    except OSError as error:
        raise NetworkError(
            f"can't connect a container to the network {network.name}: {error.strerror}",
            "see `tarebox doctor`",
        ) from None
    return link


@place.there
def lead_out(network: Network, endpoint: Endpoint, namespace: int) -> None:
    """Have the default routes of a namespace go through an endpoint that is there.

    Args:
        network: the endpoint's.
        namespace: descriptor of the network namespace.

    Raises:
        NetworkError: the kernel refuses.
    """
    gateways = [gateway.packed for gateway in (network.gateway, network.gateway6) if gateway]
    try:
        configure(namespace, endpoint.interface, (), gateways)
    except OSError as error:
        raise NetworkError(
            f"can't lead a container out through the network {network.name}: {error.strerror}",
            "connect it again",
        ) from None


def add_veth(tag: str, bridge: str, peer: str, namespace: int, *, mac: bytes = b"", mtu: int = 0) -> str:
    """A veth pair from a bridge into a namespace; returns the name of the host's end.

    Raises:
        NetworkError: there is no such bridge.
        OSError: the kernel refuses.
    """
    master = netlink.index(bridge)
    if not master:
        raise NetworkError(f"no bridge {bridge} on this host", "make it first")
    with netlink.Netlink() as socket_:
        for attempt in range(_ATTEMPTS):
            link = name(tag, "v")
            try:
                socket_.request(
                    netlink.veth(link, master=master, peer=peer, target=namespace, mac=mac, mtu=mtu)
                )
            except FileExistsError:
                # Either name may be the one that is taken, but only ours can change.
                if attempt == _ATTEMPTS - 1:
                    raise
            else:
                break
    return link


def configure(
    namespace: int, interface: str, addresses: Iterable[tuple[bytes, int]], gateways: Iterable[bytes]
) -> None:
    """Give a link in a namespace its addresses, bring it up and route through the gateways.

    Args:
        namespace: descriptor of the network namespace.
        interface: name of the link.
        addresses: packed, with prefix lengths.
        gateways: packed, at most one a family.

    Raises:
        OSError: the kernel refuses.
    """
    with netlink.Inside(namespace), netlink.Netlink() as inside:
        index = netlink.index(interface)
        inside.request(
            *(netlink.address(index, packed, prefix) for packed, prefix in addresses),
            netlink.up(index),
            *(netlink.default_route(index, gateway) for gateway in gateways),
        )


def reflect(link: str) -> None:
    """Let what comes from a container go back to it, as it does when it calls its own published port.

    Raises:
        NetworkError: the kernel refuses.
    """
    try:
        with netlink.Netlink() as socket_:
            socket_.request(netlink.hairpin(netlink.index(link)))
    except OSError as error:
        raise NetworkError(
            f"can't set up the link {link}: {error.strerror}", "see `tarebox doctor`"
        ) from None


def answer_loopback6(bridge: str) -> None:
    """Let answers over a bridge reach callers at ::1, as route_localnet does for IPv4.

    The kernel takes packets for ::1 only from a link that has it. That of a bridge gives way to the loopback
    device's own. What claims to be for ::1 when it arrives is dropped before any route is asked.

    Raises:
        NetworkError: the kernel refuses.
    """
    try:
        with netlink.Netlink() as socket_:
            socket_.request(netlink.local_route(netlink.index(bridge), _LOOPBACK6, _LOOPBACK6_METRIC))
    except OSError as error:
        raise NetworkError(
            f"can't set up the bridge {bridge}: {error.strerror}", "see `tarebox doctor`"
        ) from None


@place.there
def remove(link: str) -> bool:
    """Remove a link; says whether there was one.

    Raises:
        NetworkError: the kernel refuses.
    """
    try:
        with netlink.Netlink() as socket_:
            socket_.request(netlink.remove(link))
    except OSError as error:
        if not netlink.index(link):
            return False
        raise NetworkError(f"can't remove the link {link}: {error.strerror}", "run `tarebox clean`") from None
    return True


def routed(besides: Iterable[str] = ()) -> list[IPv4Network | IPv6Network]:
    """Subnets that this host has routes to, other than through the links named."""
    found = _routed(besides)
    return [*found, *place.there(_routed)(besides)] if place.is_elsewhere() else found


def _routed(besides: Iterable[str]) -> list[IPv4Network | IPv6Network]:
    ignored = {index for link in besides if (index := netlink.index(link))}

    def counts(prefix: int, link: int) -> bool:
        # Tunnels split the default route in two and more; that takes no subnet.
        return prefix >= _SUBNET_PREFIX and link not in ignored

    with netlink.Netlink() as socket_:
        four = socket_.routes(socket.AF_INET)
        six = socket_.routes(socket.AF_INET6)
    return [
        *(IPv4Network((packed, prefix)) for packed, prefix, link in four if counts(prefix, link)),
        *(IPv6Network((packed, prefix)) for packed, prefix, link in six if counts(prefix, link)),
    ]
