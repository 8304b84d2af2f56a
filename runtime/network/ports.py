# ruff: noqa: PTH208 - plain strings; a start can't afford pathlib's detours
"""Which of the host's ports are whose.

A file a port and protocol lists who has it on which of the host's addresses; every call on Ports needs the
lock of all ports held. That a port is free of others' sockets is found by binding it once. No process stays
behind to hold it, as the kernel itself rewrites the addresses.
"""

import errno
import os
from collections.abc import Callable, Iterable
from dataclasses import dataclass, replace
from ipaddress import IPv4Address, IPv6Address
from typing import Any

from runtime.network import files, place, sysctls
from runtime.network.model import Endpoint
from tare.errors import NetworkError
from tare.ports import Published

_ATTEMPTS = 64


@dataclass(frozen=True)
class Target:
    """Where a published port leads: to a container's addresses."""

    published: Published
    container: str
    address: IPv4Address
    address6: IPv6Address | None

    @property
    def serves4(self) -> bool:
        """Whether the host answers for it on IPv4."""
        return not isinstance(self.published.host, IPv6Address)

    @property
    def serves6(self) -> bool:
        """Whether the host answers for it on IPv6."""
        return self.address6 is not None and not isinstance(self.published.host, IPv4Address)


class Ports:
    """The ports of this host that lead to containers.

    Args:
        directory: where the files are.
        is_gone: says of a container whether it is gone for good.
    """

    def __init__(self, directory: str, is_gone: Callable[[str], bool]) -> None:
        self._directory = directory
        self._is_gone = is_gone

    def take(self, wanted: Iterable[Published], container: str, endpoint: Endpoint) -> list[Target]:
        """Reserve all of the ports or none.

        Returns:
            Where each leads, with its number on the host.

        Raises:
            NetworkError: one is taken, or not to be had on that address.
        """
        taken: list[Target] = []
        try:
            for published in wanted:
                address6 = endpoint.address6.ip if endpoint.address6 else None
                target = Target(published, container, endpoint.address.ip, address6)
                _check(target)
                taken.append(self._take(target, taken))
        except BaseException:
            self.give_back(container, [target.published for target in taken])
            raise
        return taken

    def give_back(self, container: str, published: Iterable[Published]) -> None:
        """Free those of the ports that are the container's."""
        for port in published:
            path = self._path(port)
            entries = _entries(path)
            left = [entry for entry in entries if entry["container"] != container]
            if not left:
                files.remove(path)
            elif len(left) != len(entries):
                files.write_json(path, left)

    def all(self) -> list[Target]:
        """Where every published port leads."""
        found = []
        for name in sorted(os.listdir(self._directory)):
            if not files.is_half(name):
                found += [_target(entry) for entry in _entries(f"{self._directory}/{name}")]
        return found

    def sweep(self) -> bool:
        """Free what containers have that are gone; says whether there was any."""
        files.remove_halves(self._directory)
        gone = [target for target in self.all() if self._is_gone(target.container)]
        for target in gone:
            self.give_back(target.container, [target.published])
        return bool(gone)

    def _take(self, target: Target, taken: list[Target]) -> Target:
        if target.published.host_port:
            _bind(target)
            if not self._record(target, taken):
                raise NetworkError(
                    f"the port {_shown(target.published)} is published by another container",
                    "choose another one",
                )
            return target
        for _ in range(_ATTEMPTS):
            chosen = replace(target, published=replace(target.published, host_port=_bind(target)))
            if self._record(chosen, taken):
                return chosen
        raise NetworkError(f"no port is free for {target.published.port}", "give its number on the host")

    def _record(self, target: Target, taken: list[Target]) -> bool:
        path = self._path(target.published)
        others = [_target(entry) for entry in _entries(path)]
        in_the_way = [other for other in others if _overlap(other, target)]
        if not all(self._is_stale(other, target.container, taken) for other in in_the_way):
            return False
        kept = [other for other in others if other not in in_the_way]
        files.write_json(path, [_entry(other) for other in (*kept, target)])
        return True

    def _is_stale(self, other: Target, container: str, taken: list[Target]) -> bool:
        """Whether nobody has a port that is on record; a killed start may have left it to its container."""
        return other not in taken if other.container == container else self._is_gone(other.container)

    def _path(self, published: Published) -> str:
        return f"{self._directory}/{published.protocol}-{published.host_port}"


def _check(target: Target) -> None:
    """See that the kernel can lead the port there.

    Raises:
        NetworkError: it can't.
    """
    is_loopback6 = target.published.host == IPv6Address("::1")
    if is_loopback6 and not place.is_elsewhere() and not sysctls.forwards_loopback6():
        raise NetworkError(
            f"the port {_shown(target.published)} can't be published: answers to ::1 are lost on this host",
            "set net.bridge.bridge-nf-call-ip6tables to 0, or use 127.0.0.1",
        )
    if not target.serves4 and not target.serves6:
        raise NetworkError(
            f"the port {_shown(target.published)} can't be published: the container has no IPv6 address",
            "make its network with IPv6",
        )


def _overlap(one: Target, other: Target) -> bool:
    """Whether two with the same number can't both be answered for."""
    if place.is_elsewhere() and (one.address, one.published.port) != (other.address, other.published.port):
        # There nobody sees any more which of the host's addresses was called.
        return True
    hosts = one.published.host, other.published.host
    if None in hosts:
        return True
    is_on_all = one.published.is_on_all or other.published.is_on_all
    return hosts[0] == hosts[1] or (is_on_all and one.serves4 == other.serves4)


def _shown(published: Published) -> str:
    return f"{str(published).partition('->')[0]}/{published.protocol}"


def _bind(target: Target) -> int:
    """Bind the port and let go of it.

    Returns:
        Its number, the kernel's choice when none is asked for.

    Raises:
        NetworkError: it is taken, or the host hasn't the address.
    """
    published = target.published
    # Most containers publish nothing, and this takes longer to load than all the rest.
    import socket

    families = [socket.AF_INET] if target.serves4 else []
    if target.serves6 and socket.has_ipv6:
        families.append(socket.AF_INET6)
    try:
        for family in families:
            number = _tried(published, family)
            published = replace(published, host_port=number)
    except OSError as error:
        if error.errno == errno.EPROTONOSUPPORT:
            # A kernel without the protocol has no sockets of it to run into, and forwards it all the same.
            return published.host_port or _bind(replace(target, published=replace(published, protocol="udp")))
        if error.errno == errno.EADDRINUSE:
            raise NetworkError(
                f"the port {_shown(published)} is in use on this host", "choose another one"
            ) from None
        hint = "use an address of this host"
        if error.errno == errno.EACCES:
            hint = "use one from 1024 on, or have the sysctl net.ipv4.ip_unprivileged_port_start lowered"
        raise NetworkError(
            f"the port {_shown(published)} can't be published: {error.strerror}", hint
        ) from None
    return published.host_port


def _tried(published: Published, family: int) -> int:
    import socket

    kind = socket.SOCK_DGRAM if published.protocol == "udp" else socket.SOCK_STREAM
    number = socket.IPPROTO_SCTP if published.protocol == "sctp" else 0
    with socket.socket(family, kind, number) as tried:
        if published.protocol == "tcp":
            # Connections that linger from before don't count.
            tried.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        if family == socket.AF_INET6:
            tried.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 1)
        tried.bind((str(published.host) if published.host else "", published.host_port))
        if kind is socket.SOCK_STREAM:
            tried.listen(1)
        return int(tried.getsockname()[1])


def _entries(path: str) -> list[dict[str, Any]]:
    try:
        entries: list[dict[str, Any]] = files.read(path)
    except FileNotFoundError:
        return []
    return entries


def _entry(target: Target) -> dict[str, Any]:
    return {
        "published": target.published.document(),
        "container": target.container,
        "address": str(target.address),
        "address6": str(target.address6 or ""),
    }


def _target(entry: dict[str, Any]) -> Target:
    return Target(
        Published.parse(entry["published"]),
        entry["container"],
        IPv4Address(entry["address"]),
        IPv6Address(entry["address6"]) if entry["address6"] else None,
    )
