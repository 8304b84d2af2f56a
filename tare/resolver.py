"""What a container's /etc/resolv.conf, /etc/hosts and /etc/hostname say; see resolv.conf(5), hosts(5)."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from ipaddress import IPv4Address, IPv6Address, ip_address
from pathlib import Path

from tare.errors import UsageError

_HOST_FILE = Path("/etc/resolv.conf")
_UPSTREAM_FILE = Path("/run/systemd/resolve/resolv.conf")
"""Where systemd-resolved keeps the servers behind its stub on a loopback address."""
_GATEWAY = "host-gateway"
_LOCAL = (
    "127.0.0.1\tlocalhost\n"
    "::1\tlocalhost ip6-localhost ip6-loopback\n"
    "fe00::\tip6-localnet\n"
    "ff00::\tip6-mcastprefix\n"
    "ff02::1\tip6-allnodes\n"
    "ff02::2\tip6-allrouters\n"
)


@dataclass(frozen=True)
class Resolver:
    """What is asked for by --dns, --dns-search and --dns-option; what is left out comes from the host."""

    servers: tuple[str, ...] = ()
    search: tuple[str, ...] = ()
    options: tuple[str, ...] = ()


@dataclass(frozen=True)
class Alias:
    """A name and its address, as --add-host asks for; the address may be `host-gateway`."""

    name: str
    address: str

    @classmethod
    def parse(cls, text: str) -> "Alias":
        """From NAME:ADDRESS or NAME=ADDRESS.

        Raises:
            UsageError: the text is neither.
        """
        name, separator, address = text.partition("=" if "=" in text else ":")
        address = address.removeprefix("[").removesuffix("]") if address.startswith("[") else address
        if not name or not separator or any(character.isspace() or character == "#" for character in name):
            raise UsageError(f"{text!r} names no host", "write NAME:ADDRESS")
        if address != _GATEWAY:
            _check(address, "--add-host")
        return cls(name, address)


def resolv_conf(wanted: Resolver, own: str | None = None, servers: Sequence[str] = ()) -> str:
    """The resolver's configuration inside a network namespace.

    Servers on a loopback address mean nothing in there: where systemd-resolved's stub is one, the servers
    behind it take its place; others are left out. With none left, names are not resolved beyond /etc/hosts.

    Args:
        wanted: what overrides the host's.
        own: text of the host's file; read when None.
        servers: what to ask in place of those that the host asks.

    Raises:
        UsageError: a server asked for is no address.
    """
    for server in wanted.servers:
        _check(server, "--dns")
    host = _parse(_read(_HOST_FILE) if own is None else own)
    if not _reachable(host.servers):
        upstream = _parse(_read(_UPSTREAM_FILE))
        host = Resolver(upstream.servers, host.search or upstream.search, host.options)
    servers = wanted.servers or servers or _reachable(host.servers)
    # A single dot means none, see docker-run(1).
    search = tuple(name for name in wanted.search or host.search if name != ".")
    options = wanted.options or host.options
    lines = [f"nameserver {server}" for server in servers]
    if search:
        lines.append(f"search {' '.join(search)}")
    if options:
        lines.append(f"options {' '.join(options)}")
    return "".join(f"{line}\n" for line in lines)


def hosts(own: Iterable[str], aliases: Sequence[Alias], gateway: str) -> str:
    """The file of names up to those of other containers.

    Args:
        own: lines for the container itself.
        aliases: those asked for.
        gateway: what `host-gateway` stands for; empty without a network.

    Raises:
        UsageError: it stands for nothing.
    """
    if not gateway and any(alias.address == _GATEWAY for alias in aliases):
        raise UsageError(f"there is no {_GATEWAY} without a network", "connect the container to one")
    added = (
        f"{gateway if alias.address == _GATEWAY else alias.address}\t{alias.name}\n" for alias in aliases
    )
    return _LOCAL + "".join(added) + "".join(own)


def _parse(text: str) -> Resolver:
    servers: list[str] = []
    search: tuple[str, ...] = ()
    options: tuple[str, ...] = ()
    for line in text.splitlines():
        keyword, *values = line.split() or [""]
        if keyword == "nameserver" and values:
            servers.append(values[0])
        elif keyword in ("search", "domain"):
            search = tuple(values)
        elif keyword == "options":
            options += tuple(values)
    return Resolver(tuple(servers), search, options)


def _reachable(servers: Iterable[str]) -> list[str]:
    """Those that a network namespace can reach: on no loopback address and of no zone of the host's."""
    return [server for server in servers if "%" not in server and not _address(server).is_loopback]


def _address(text: str) -> IPv4Address | IPv6Address:
    try:
        return ip_address(text)
    except ValueError:
        return IPv4Address("127.0.0.1")


def _read(path: Path) -> str:
    try:
        return path.read_text()
    except (OSError, UnicodeDecodeError):
        return ""


def _check(text: str, option: str) -> None:
    try:
        ip_address(text)
    except ValueError:
        raise UsageError(f"{text!r} is no address for {option}", "write one such as 192.0.2.1") from None
