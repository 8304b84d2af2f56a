# ruff: noqa: PTH110, PTH116, PTH208 - plain strings; a start can't afford pathlib's detours
"""The networks there are: a file each."""

import os
from collections.abc import Iterable, Iterator, Mapping
from contextlib import suppress
from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network, ip_network
from typing import TypedDict, TypeVar

from runtime.network import files, links
from runtime.network.model import (
    DEFAULT,
    DEFAULT_MTU,
    LINK_OPTION,
    MTU_OPTION,
    OPTIONS,
    Network,
    check_name,
    id_of,
)
from tare.errors import NetworkError
from tare.state import PREFIX

_Subnet = TypeVar("_Subnet", IPv4Network, IPv6Network)
_SMALLEST_MTU = {4: 68, 6: 1280}
_LARGEST_MTU = 65535
_LONGEST_LINK = 15
_SUFFIX = ".json"


class Settings(TypedDict, total=False):
    """What may be asked of a new network.

    Keys:
        subnet: a free private one when left out.
        gateway: the host's own address; the subnet's first when left out, likewise for IPv6.
        ip_range: the part of the subnet that addresses are taken from.
        subnet6: of IPv6; none when left out, unless `ipv6` asks for a unique local one (RFC 4193).
        internal: no way out.
        mtu: bytes; the driver option, or 1500, when left out.
        options: driver options by Docker's names, see model.OPTIONS.
    """

    subnet: IPv4Network | None
    gateway: IPv4Address | None
    ip_range: IPv4Network | None
    subnet6: IPv6Network | None
    gateway6: IPv6Address | None
    ipv6: bool
    internal: bool
    mtu: int | None
    labels: Mapping[str, str]
    options: Mapping[str, str]


class _ExistsError(NetworkError):
    """A network of that name exists."""


class Registry:
    """Definitions of networks on disk.

    Args:
        directory: of all networks.
        tag: which the bridges' names carry.
    """

    def __init__(self, directory: str, tag: str) -> None:
        self._directory = directory
        self._known: dict[str, tuple[tuple[int, int], Network]] = {}
        self._tag = tag

    def get(self, name: str) -> Network:
        """A network by name; the default one is made when missing.

        Raises:
            NetworkError: there is none such.
        """
        try:
            return self._load(name)
        except FileNotFoundError:
            if name == DEFAULT:
                return self.make_default()
            raise NetworkError(f"no network {name!r}", "see `tarebox network ls`") from None

    def find(self, reference: str) -> Network:
        """A network by name, id or the beginning of an id.

        Raises:
            NetworkError: there is none such, or more than one.
        """
        if reference == DEFAULT or os.path.exists(self._path(reference)):
            return self.get(reference)
        matching = [network for network in self if reference and network.id.startswith(reference)]
        if len(matching) > 1:
            raise NetworkError(f"the ids of {len(matching)} networks begin with {reference}", "write more")
        return matching[0] if matching else self.get(reference)

    def has(self, network: Network) -> bool:
        """Whether it is still there, and not another one of its name."""
        try:
            return self._load(network.name).id == network.id
        except FileNotFoundError:
            return False

    def __iter__(self) -> Iterator[Network]:
        for file in sorted(os.listdir(self._directory)):
            if file.endswith(_SUFFIX):
                # One may be removed since the directory was listed.
                with suppress(FileNotFoundError):
                    yield self._load(file.removesuffix(_SUFFIX))

    def make_default(self) -> Network:
        """The default network, made unless it exists."""
        try:
            return self.create(DEFAULT, {"options": {LINK_OPTION: f"{PREFIX}{self._tag}0"}})
        except _ExistsError:
            return self._load(DEFAULT)

    def create(self, name: str, settings: Settings) -> Network:
        """Define a network.

        Raises:
            NetworkError: see Networks.create.
        """
        from datetime import UTC, datetime

        check_name(name)
        options = settings.get("options") or {}
        link = self._link(options)
        wanted, wanted6 = settings.get("subnet"), settings.get("subnet6")
        has_ipv6 = bool(wanted6 or settings.get("ipv6"))
        mtu = _mtu(settings.get("mtu"), options, has_ipv6=has_ipv6)
        with files.locked(f"{self._directory}/.lock"):
            if os.path.exists(self._path(name)):
                raise _ExistsError(f"there is a network {name} already", "choose another name or remove it")
            others = list(self)
            if any(other.link == link for other in others):
                raise NetworkError(f"the bridge {link} is another network's", "choose another name for it")
            used = links.routed([other.link for other in others])
            used += [part for other in others for part in (other.subnet, other.subnet6) if part]
            subnet = _free(wanted, _pools(), used)
            created = datetime.now(UTC).isoformat().replace("+00:00", "Z")
            number = id_of(name, created)
            # A random part makes unique local addresses unique, see RFC 4193.
            own6 = IPv6Network(f"fd{number[:2]}:{number[2:6]}:{number[6:10]}::/64")
            subnet6 = _free(wanted6, (own6,), used) if has_ipv6 else None
            network = Network(
                name=name,
                id=number,
                link=link,
                subnet=subnet,
                gateway=settings.get("gateway") or subnet[1],
                ip_range=settings.get("ip_range"),
                subnet6=subnet6,
                gateway6=settings.get("gateway6") or (subnet6[1] if subnet6 else None),
                internal=settings.get("internal", False),
                mtu=mtu,
                labels=settings.get("labels") or {},
                options=options,
                created=created,
            )
            _check(network)
            files.write_json(self._path(name), network.document(), is_durable=True)
        return network

    def _link(self, options: Mapping[str, str]) -> str:
        if unknown := sorted(options.keys() - OPTIONS):
            raise NetworkError(f"no driver option {unknown[0]!r}", f"there are {', '.join(sorted(OPTIONS))}")
        own = PREFIX + self._tag
        link = options.get(LINK_OPTION) or links.name(self._tag, "n")
        if not link.startswith(own) or len(link) > _LONGEST_LINK or not link.isalnum():
            raise NetworkError(
                f"a bridge can't be called {link}", f"begin its name with {own} and add up to 5 characters"
            )
        return link

    def remove(self, network: Network) -> None:
        """Forget a network."""
        files.remove(self._path(network.name))

    def sweep(self) -> None:
        """Remove what a killed process has written half."""
        with files.locked(f"{self._directory}/.lock"):
            files.remove_halves(self._directory)

    def _load(self, name: str) -> Network:
        path = self._path(name)
        status = os.stat(path)
        version = (status.st_ino, status.st_mtime_ns)
        known = self._known.get(name)
        if known is None or known[0] != version:
            known = self._known[name] = (version, Network.parse(files.read(path)))
        return known[1]

    def _path(self, name: str) -> str:
        # A name from outside may hold slashes; no network is called so.
        return f"{self._directory}/{name.replace('/', ':')}{_SUFFIX}"


def _mtu(mtu: int | None, options: Mapping[str, str], *, has_ipv6: bool) -> int:
    text = str(mtu) if mtu is not None else options.get(MTU_OPTION, str(DEFAULT_MTU))
    smallest = _SMALLEST_MTU[6 if has_ipv6 else 4]
    if not text.isdecimal() or not smallest <= int(text) <= _LARGEST_MTU:
        raise NetworkError(f"an MTU of {text} has no meaning here", f"use {smallest} to {_LARGEST_MTU} bytes")
    return int(text)


def _pools() -> Iterator[IPv4Network]:
    """Private subnets (RFC 1918), the larger ones first."""
    for second in range(214, 255):
        yield IPv4Network((0x0A000000 | second << 16, 16))
    for second in range(17, 32):
        yield IPv4Network((0xAC000000 | second << 16, 16))
    yield from IPv4Network("192.168.0.0/16").subnets(new_prefix=20)


def _free(
    wanted: _Subnet | None, pools: Iterable[_Subnet], used: Iterable[IPv4Network | IPv6Network]
) -> _Subnet:
    used = list(used)
    if wanted and wanted.num_addresses < 4:
        raise NetworkError(f"the subnet {wanted} is too small", "leave at least 2 bits for containers")
    for candidate in (wanted,) if wanted else pools:
        if not any(candidate.version == other.version and candidate.overlaps(other) for other in used):
            return candidate
        if wanted:
            other = next(one for one in used if one.version == wanted.version and wanted.overlaps(one))
            raise NetworkError(
                f"the subnet {wanted} overlaps {other}, which is in use on this host", "choose another one"
            )
    raise NetworkError("every private subnet is in use on this host", "name a subnet")


def _check(network: Network) -> None:
    """See that the parts fit together.

    Raises:
        NetworkError: they don't.
    """
    subnet, gateway = network.subnet, network.gateway
    if gateway not in subnet or gateway in (subnet.network_address, subnet.broadcast_address):
        raise NetworkError(f"the gateway {gateway} is no host of {subnet}", "choose one that is")
    if network.ip_range and not network.ip_range.subnet_of(subnet):
        raise NetworkError(f"the range {network.ip_range} is not in {subnet}", "choose one that is")
    if network.gateway6 and not network.subnet6:
        raise NetworkError(f"the gateway {network.gateway6} needs an IPv6 subnet", "name it as well")
    if network.subnet6 and (
        network.gateway6 not in network.subnet6 or network.gateway6 == network.subnet6.network_address
    ):
        raise NetworkError(
            f"the gateway {network.gateway6} is no host of {network.subnet6}", "choose one that is"
        )


def parse_subnet(text: str) -> IPv4Network | IPv6Network:
    """A subnet in the form of --subnet and --ip-range.

    Raises:
        NetworkError: the text is none, or has bits set beyond its prefix.
    """
    try:
        return ip_network(text)
    except ValueError as error:
        raise NetworkError(f"{text!r} is no subnet: {error}", "write one such as 10.5.0.0/16") from None
