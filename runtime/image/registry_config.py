"""Which registries there are and how they are reached: the file `registries.toml`.

It is read from the path in TAREBENCH_REGISTRIES, else from `tarebench/registries.toml` in the XDG
configuration directories ($XDG_CONFIG_HOME, then $XDG_CONFIG_DIRS; XDG Base Directory 0.8). No file means
that there is no default registry and that every name has to say its host:

    default = "registry.example:5000"          # where names without a host are looked up

    [registry."registry.example:5000"]
    insecure = true                            # plain HTTP; the default for loopback only
    mirrors = ["127.0.0.1:5001/cache"]         # asked first when pulling, in this order
    certificates = "/etc/ssl/private-ca.pem"   # trusted for this host instead of the system's
"""

import os
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from ipaddress import ip_address
from pathlib import Path
from typing import Any

from tare.errors import UsageError

_HOST = re.compile(r"(?:[A-Za-z0-9](?:[A-Za-z0-9_.-]*[A-Za-z0-9])?|\[[0-9A-Fa-f:.]+\])(?::[0-9]{1,5})?")
_PREFIX = re.compile(r"[a-z0-9]+(?:[._-]+[a-z0-9]+)*(?:/[a-z0-9]+(?:[._-]+[a-z0-9]+)*)*")
_KEYS = {"insecure": bool, "mirrors": list, "certificates": str}


@dataclass(frozen=True)
class Host:
    """How one registry is reached.

    Args:
        name: host and port, as in an image's name.
        insecure: over plain HTTP.
        mirrors: `host[:port][/prefix]`, asked first when pulling.
        certificates: a file of PEM certificates trusted for it; empty for the system's.
    """

    name: str
    insecure: bool
    mirrors: tuple[str, ...] = ()
    certificates: str = ""

    @property
    def url(self) -> str:
        """Scheme and authority."""
        return f"{'http' if self.insecure else 'https'}://{self.name}"


@dataclass(frozen=True)
class Endpoint:
    """A repository at one host.

    Args:
        host: which.
        repository: its name there, a mirror's prefix included.
    """

    host: Host
    repository: str

    def __str__(self) -> str:
        return f"{self.host.name}/{self.repository}"


@dataclass(frozen=True)
class Registries:
    """What the configuration says.

    Args:
        default: the host of names that have none; empty when they are only local.
        hosts: by name, those with settings of their own.
    """

    default: str = ""
    hosts: Mapping[str, Host] = field(default_factory=dict)

    @classmethod
    def load(cls, path: Path | None = None) -> "Registries":
        """Read the file, or the one the environment names; without a file there are no settings.

        Raises:
            UsageError: it can't be read or has a setting without meaning.
        """
        import tomllib

        path = path or _configured()
        if path is None:
            return cls()
        try:
            return cls._read(tomllib.loads(path.read_text()))
        except (OSError, UnicodeDecodeError) as error:
            raise UsageError(f"can't read {path}: {getattr(error, 'strerror', error)}") from error
        except (tomllib.TOMLDecodeError, ValueError) as error:
            raise UsageError(f"{path}: {error}", "correct the file") from error

    @classmethod
    def _read(cls, settings: dict[str, Any]) -> "Registries":
        default, tables = settings.pop("default", ""), settings.pop("registry", {})
        if settings:
            raise ValueError(f"unknown setting {next(iter(settings))}")
        if not isinstance(default, str) or (default and not _HOST.fullmatch(default)):
            raise ValueError(f"default = {default!r} is not a host")
        if not isinstance(tables, dict):
            raise ValueError("registry is not a table")
        return cls(default, {name: _host(name, table) for name, table in tables.items()})

    def host(self, name: str) -> Host:
        """How that host is reached: over TLS, unless it is on loopback or configured otherwise.

        Raises:
            UsageError: it is not a host.
        """
        if not _HOST.fullmatch(name):
            raise UsageError(f"{name!r} is not a registry's host", "write it as registry.example:5000")
        return self.hosts.get(name) or Host(name, is_loopback(name))

    def endpoint(self, host: str, repository: str) -> Endpoint:
        """Where a repository is pushed to; an empty host means the default one.

        Raises:
            UsageError: there is no default registry, or the repository's name is none.
        """
        if not (host or self.default):
            raise UsageError(
                f"{repository} names no registry and none is configured",
                "write it as registry.example/name, or set `default` in registries.toml",
            )
        if not _PREFIX.fullmatch(repository):
            raise UsageError(f"{repository!r} is not a repository's name", "write it in lower case")
        return Endpoint(self.host(host or self.default), repository)

    def endpoints(self, host: str, repository: str) -> tuple[Endpoint, ...]:
        """Where a repository is pulled from: the mirrors, then the host itself."""
        own = self.endpoint(host, repository)
        return (*self._mirrors(own), own)

    def _mirrors(self, own: Endpoint) -> Iterator[Endpoint]:
        for mirror in own.host.mirrors:
            name, _, prefix = mirror.partition("/")
            yield Endpoint(self.host(name), f"{prefix}/{own.repository}" if prefix else own.repository)


def is_loopback(name: str) -> bool:
    """Whether a host with or without port is this machine itself (RFC 6761 for the name)."""
    host = name.partition("]")[0][1:] if name.startswith("[") else name.partition(":")[0]
    try:
        return host == "localhost" or ip_address(host).is_loopback
    except ValueError:
        return False


def _host(name: str, table: object) -> Host:
    if not _HOST.fullmatch(name):
        raise ValueError(f"{name!r} is not a registry's host")
    if not isinstance(table, dict):
        raise ValueError(f"registry {name} is not a table")
    for key, value in table.items():
        if key not in _KEYS or not isinstance(value, _KEYS[key]):
            raise ValueError(f"{key} of registry {name} has no meaning")
    mirrors = table.get("mirrors", [])
    for mirror in mirrors:
        authority, slash, prefix = mirror.partition("/") if isinstance(mirror, str) else ("", "", "")
        if not _HOST.fullmatch(authority) or (slash and not _PREFIX.fullmatch(prefix)):
            raise ValueError(f"mirror {mirror!r} of registry {name} is not host[:port][/prefix]")
    insecure = table.get("insecure", is_loopback(name))
    return Host(name, insecure, tuple(mirrors), table.get("certificates", ""))


def _configured() -> Path | None:
    if named := os.environ.get("TAREBENCH_REGISTRIES"):
        return Path(named)
    places = [os.environ.get("XDG_CONFIG_HOME") or Path.home() / ".config"]
    places += (os.environ.get("XDG_CONFIG_DIRS") or "/etc/xdg").split(":")
    paths = (Path(place, "tarebench/registries.toml") for place in places)
    return next((path for path in paths if path.is_file()), None)
