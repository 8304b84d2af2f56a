"""What the networks keep for one container: its endpoints, ports and files."""

import os
from collections.abc import Iterable
from dataclasses import dataclass, replace
from ipaddress import IPv4Address, IPv4Interface
from pathlib import Path
from typing import TYPE_CHECKING, Any

from runtime.network import files, owner
from runtime.network.model import Endpoint
from runtime.spec import Bind
from runtime.teardown import remove_tree
from runtime.veth import Pluggable
from tare.ports import Published

if TYPE_CHECKING:
    from runtime.network.attaching import Attaching

_OWNER = "owner.json"
_RECORD = "sandbox.json"
_LINKS = "links.json"


@dataclass(frozen=True)
class Sandbox:
    """A container's share of the networks, as kept on disk.

    Args:
        container: its id.
        name: by which others know it.
        path: directory of its files.
        endpoints: in the order in which they were asked for; the first with a way out has the default route.
        published: ports, with the numbers they have on the host.
        owned: see `owner`.
    """

    container: str
    name: str
    path: str
    endpoints: tuple[Endpoint, ...] = ()
    published: tuple[Published, ...] = ()
    owned: tuple[Any, ...] = ()

    @property
    def binds(self) -> tuple[Bind, ...]:
        """Its files, to be mounted over those of its image."""
        return tuple(
            Bind(Path(self.path, name), f"/etc/{name}") for name in ("hostname", "hosts", "resolv.conf")
        )

    def lines(self, network: str, hostname: str = "") -> list[str]:
        """What a file of names says of the container's endpoint on one network."""
        endpoint = self.on(network)
        names = (hostname, self.name, self.container[:12], *endpoint.aliases)
        known = " ".join(dict.fromkeys(filter(None, names)))
        return [f"{address.ip}\t{known}\n" for address in endpoint.addresses]

    def on(self, network: str) -> Endpoint:
        """The endpoint on a network.

        Raises:
            KeyError: it has none there.
        """
        for endpoint in self.endpoints:
            if endpoint.network == network:
                return endpoint
        raise KeyError(network)

    def with_endpoints(self, endpoints: Iterable[Endpoint]) -> "Sandbox":
        """The same with other endpoints, those of the same network in each other's place."""
        new = {endpoint.network: endpoint for endpoint in (*self.endpoints, *endpoints)}
        return replace(self, endpoints=tuple(new.values()))

    def is_alive(self) -> bool:
        """Whether the container, or who is about to make it, still exists."""
        return owner.is_alive(list(self.owned))

    def make(self) -> None:
        """Make its directory, which appears together with what says whose it is."""
        directory, _, name = self.path.rpartition("/")
        new = f"{directory}/.new-{os.getpid()}-{name}"
        os.makedirs(new, 0o700, exist_ok=True)  # noqa: PTH103
        files.write_json(f"{new}/{_OWNER}", list(self.owned))
        os.rename(new, self.path)  # noqa: PTH104

    def save(self) -> None:
        """Put all but the links on disk."""
        files.write_json(
            f"{self.path}/{_RECORD}",
            {
                "container": self.container,
                "name": self.name,
                "endpoints": [endpoint.document() for endpoint in self.endpoints],
                "published": [published.document() for published in self.published],
            },
        )

    def save_owner(self) -> None:
        """Put on disk whose it is by now."""
        files.write_json(f"{self.path}/{_OWNER}", list(self.owned))

    def save_links(self) -> None:
        """Put the links on disk; in a file of their own, as making one is faster than replacing one."""
        links = {endpoint.network: endpoint.link for endpoint in self.endpoints if endpoint.link}
        files.write_json(f"{self.path}/{_LINKS}", links)

    def drop_links(self) -> None:
        """Take the links off the disk."""
        files.remove(f"{self.path}/{_LINKS}")

    def remove(self) -> None:
        """Take it off the disk, all at once."""
        directory, _, name = self.path.rpartition("/")
        # A killed removal may have left one of the container's name.
        old = f"{directory}/.old-{os.urandom(4).hex()}-{name}"
        os.rename(self.path, old)  # noqa: PTH104
        remove_tree(old)

    @classmethod
    def load(cls, path: str) -> "Sandbox | None":
        """What is on disk in a directory; None when nothing is."""
        try:
            owned = tuple(files.read(f"{path}/{_OWNER}"))
        except (FileNotFoundError, NotADirectoryError):
            return None
        container = path.rpartition("/")[2]
        document = _read(f"{path}/{_RECORD}")
        if not document:
            return cls(container, "", path, owned=owned)
        links = _read(f"{path}/{_LINKS}")
        endpoints = map(Endpoint.parse, document["endpoints"])
        return cls(
            container=container,
            name=document["name"],
            path=path,
            endpoints=tuple(replace(one, link=links.get(one.network, "")) for one in endpoints),
            published=tuple(map(Published.parse, document["published"])),
            owned=owned,
        )


def _read(path: str) -> dict[str, Any]:
    try:
        document: dict[str, Any] = files.read(path)
    except FileNotFoundError:
        return {}
    return document


@dataclass(frozen=True)
class Attachment(Pluggable):
    """All of a container's endpoints, in the form in which a ContainerSpec takes an interface."""

    networks: "Attaching | None" = None
    container: str = ""

    def plug(self, pid: int) -> None:
        """Connect the process's network namespace.

        Raises:
            NetworkError: the kernel refuses.
        """
        if self.networks:
            self.networks.plug(self.container, pid)


def attachment(
    networks: "Attaching", sandbox: Sandbox, bridge: str, gateway: IPv4Address | None
) -> Attachment:
    """The attachment of a sandbox with at least one endpoint."""
    address: IPv4Interface = sandbox.endpoints[0].address
    return Attachment(bridge, address, gateway, networks, sandbox.container)
