# ruff: noqa: PTH103, PTH112 - plain strings; a start can't afford pathlib's detours
"""What a container has of each network: addresses and names."""

import os
from collections.abc import Callable, Iterable, Iterator
from contextlib import ExitStack, contextmanager
from ipaddress import IPv4Address, IPv4Interface, IPv6Address, IPv6Interface
from itertools import count

from runtime import teardown
from runtime.network import files
from runtime.network.leases import Leases
from runtime.network.model import Connection, Endpoint, Network, mac_of
from runtime.network.names import Names
from runtime.network.registry import Registry
from runtime.network.sandbox import Sandbox
from tare.errors import NetworkError


class Membership:
    """Gives and takes under the networks' locks, which `locked` holds.

    Args:
        registry: of the networks.
        directory: where each network's files are, in a directory named after its id.
        sandboxes: directory of all containers' files.
        is_gone: says of a container whether it is gone for good.
    """

    def __init__(
        self, registry: Registry, directory: str, sandboxes: str, is_gone: Callable[[str], bool]
    ) -> None:
        self._registry = registry
        self._directory = directory
        self._sandboxes = sandboxes
        self._is_gone = is_gone

    @contextmanager
    def locked(self, references: Iterable[str]) -> Iterator[dict[str, Network]]:
        """Hold the locks of networks; yields them by the references given.

        Raises:
            NetworkError: there is none such.
        """
        wanted = {reference: self._registry.find(reference) for reference in references}
        with ExitStack() as stack:
            for network in sorted(
                {one.name: one for one in wanted.values()}.values(), key=lambda one: one.name
            ):
                stack.enter_context(files.locked(self._lock(network)))
                if not self._registry.has(network):
                    raise NetworkError(f"the network {network.name} was removed meanwhile", "make it again")
            yield wanted

    def _lock(self, network: Network) -> str:
        path = self._path(network)
        leases = f"{path}/leases"
        if not os.path.isdir(leases):
            os.makedirs(leases, 0o700, exist_ok=True)
        return f"{path}/lock"

    def _path(self, network: Network) -> str:
        return f"{self._directory}/{network.id}"

    @contextmanager
    def still(self, endpoint: Endpoint) -> Iterator[Network | None]:
        """Hold the lock of an endpoint's network; None when that is removed."""
        with ExitStack() as stack:
            try:
                network = stack.enter_context(self.locked([endpoint.network]))[endpoint.network]
            except NetworkError:
                yield None
                return
            yield network

    def reserve(self, own: Sandbox, network: Network, connection: Connection, before: Sandbox) -> Endpoint:
        """Take addresses on a network.

        Args:
            own: for whom, with the endpoints it has by now.
            before: what the container had when it last ran; its addresses are taken again if none are wished.

        Raises:
            NetworkError: an address is taken or none is left.
        """
        leases, container = self._leases(network), own.container
        had = next((one for one in before.endpoints if one.network == network.name), None)
        wanted, wanted6 = connection.address, connection.address6
        if had:
            wanted = wanted or had.address.ip
            wanted6 = wanted6 or (had.address6.ip if had.address6 else None)
        taken: list[IPv4Address | IPv6Address] = []
        try:
            if wanted:
                leases.take_this(wanted, container)
            address = wanted or leases.take(container)
            taken.append(address)
            if wanted6:
                leases.take_this(wanted6, container)
            address6 = wanted6 or leases.take_beside(address, container)
        except BaseException:
            leases.give_back(taken, container)
            raise
        used = {endpoint.interface for endpoint in own.endpoints}
        return Endpoint(
            network=network.name,
            interface=next(name for number in count() if (name := f"eth{number}") not in used),
            address=IPv4Interface((address, network.subnet.prefixlen)),
            address6=IPv6Interface((address6, network.subnet6.prefixlen))
            if address6 and network.subnet6
            else None,
            mac=connection.mac.lower() or mac_of(address),
            aliases=connection.aliases,
        )

    def free(self, container: str, network: Network, endpoint: Endpoint) -> None:
        """Give back names and addresses on a network."""
        self.names(network).leave(container)
        self.give_back(container, network, (one.ip for one in endpoint.addresses))

    def give_back(
        self, container: str, network: Network, addresses: Iterable[IPv4Address | IPv6Address]
    ) -> None:
        """Give back addresses on a network, those that are the container's."""
        self._leases(network).give_back(addresses, container)

    def names(self, network: Network) -> Names:
        """The names on a network."""
        return Names(self._path(network), self._sandboxes)

    def remove(self, network: Network) -> None:
        """Remove all that is kept of the members of a network."""
        teardown.remove_tree(self._path(network))

    def is_empty(self, network: Network) -> bool:
        """Whether no container has anything on a network, once what those had that are gone is freed."""
        self.sweep(network)
        return not self._leases(network).holders()

    def drop_strays(self, own: Sandbox, network: Network) -> None:
        """Give back what a killed start took for a container on a network without putting it on record."""
        leases = self._leases(network)
        kept = {str(address.ip) for endpoint in own.endpoints for address in endpoint.addresses}
        strays = [one for one, holder in leases.holders().items() if holder == own.container]
        leases.give_back([one for one in strays if one not in kept], own.container)

    def sweep(self, network: Network) -> None:
        """Free what containers have on a network that are gone."""
        leases, names = self._leases(network), self.names(network)
        for address, container in leases.holders().items():
            if self._is_gone(container):
                leases.give_back([address], container)
        for container in names.members():
            if self._is_gone(container):
                names.leave(container)

    def _leases(self, network: Network) -> Leases:
        def reclaim(container: str) -> bool:
            if not self._is_gone(container):
                return False
            self.names(network).leave(container)
            return True

        return Leases(network, self._path(network), reclaim)
