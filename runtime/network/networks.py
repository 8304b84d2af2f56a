"""Networks as Docker has them: on disk, and in the kernel from the first container's start on."""

import os
from collections.abc import Callable
from contextlib import suppress
from dataclasses import replace
from typing import Any, Unpack

from runtime.network import owner
from runtime.network.attaching import Attaching
from runtime.network.model import DEFAULT, LINK_OPTION, MTU_OPTION, Network
from runtime.network.registry import Settings
from runtime.network.sandbox import Sandbox
from runtime.teardown import remove_tree
from tare.errors import NetworkError


class Networks(Attaching):
    """The networks of one state root and the containers on them; see Attaching for those."""

    def create(self, name: str, **settings: Unpack[Settings]) -> Network:
        """Define a network; its bridge is made when the first container on it starts.

        Raises:
            NetworkError: the name is taken or has no meaning, or a subnet overlaps with others or doesn't
                fit.
        """
        return self._registry.create(name, settings)

    def get(self, reference: str) -> Network:
        """A network by name, id or the beginning of an id; the default one is made on first use.

        Raises:
            NetworkError: there is none such.
        """
        return self._registry.find(reference)

    def list(self) -> list[Network]:
        """All networks by name, the default one among them."""
        self._registry.make_default()
        return list(self._registry)

    def bring_up(self, reference: str) -> Network:
        """Make a network's bridge and rules at once, for those who connect more than containers to it.

        Raises:
            NetworkError: there is none such, or the kernel refuses.
        """
        network = self.get(reference)
        self._host.bring_up(network)
        return network

    def adopt(self, container: str, link: str, keeper: str) -> None:
        """Have a link that somebody else has put on the bridge be an attached container's only one.

        Args:
            container: its id.
            link: the host's end.
            keeper: a directory that exists as long as it does.

        Raises:
            NetworkError: it is not attached, or the kernel refuses.
        """
        with self._held(container) as held:
            (endpoint,) = held.endpoints
            plugged = replace(endpoint, link=link)
            own = replace(held, owned=tuple(owner.owner(keeper))).with_endpoints([plugged])
            own.save_owner()
            own.save_links()
            self._host.publish(own.published, container, plugged, self._registry.get(plugged.network))
        self.announce(container)

    def containers(self, network: Network) -> tuple[Sandbox, ...]:
        """The containers that are on a network now, in the order in which they came."""
        members = self._members.names(network).members()
        found = [sandbox for member in members if (sandbox := self.sandbox(member))]
        return tuple(sandbox for sandbox in found if sandbox.is_alive())

    def inspect(self, reference: str) -> dict[str, Any]:
        """What is known of a network, by the names that Docker's `network inspect` has.

        Raises:
            NetworkError: there is none such.
        """
        network = self.get(reference)
        ranges = [{"Subnet": str(network.subnet), "Gateway": str(network.gateway)}]
        if network.ip_range:
            ranges[0]["IPRange"] = str(network.ip_range)
        if network.subnet6:
            ranges.append({"Subnet": str(network.subnet6), "Gateway": str(network.gateway6)})
        return {
            "Name": network.name,
            "Id": network.id,
            "Created": network.created,
            "Scope": "local",
            "Driver": "bridge",
            "EnableIPv6": network.subnet6 is not None,
            "IPAM": {"Driver": "default", "Options": {}, "Config": ranges},
            "Internal": network.internal,
            "Attachable": False,
            "Ingress": False,
            "Containers": {
                sandbox.container: {
                    "Name": sandbox.name,
                    "EndpointID": "",
                    "MacAddress": endpoint.mac,
                    "IPv4Address": str(endpoint.address),
                    "IPv6Address": str(endpoint.address6 or ""),
                }
                for sandbox in self.containers(network)
                for endpoint in sandbox.endpoints
                if endpoint.network == network.name
            },
            "Options": {LINK_OPTION: network.link, **network.options, MTU_OPTION: str(network.mtu)},
            "Labels": dict(network.labels),
        }

    def remove(self, reference: str) -> Network:
        """Remove a network and its bridge.

        Raises:
            NetworkError: there is none such, containers are on it, or it is the default one.
        """
        network = self.get(reference)
        if network.name == DEFAULT:
            raise NetworkError(f"the network {DEFAULT} is always there", "leave it, or run `tarebox clean`")
        with self._members.locked([network.name]):
            if users := self.containers(network):
                names = ", ".join(user.name or user.container[:12] for user in users)
                raise NetworkError(
                    f"the network {network.name} is used by {names}",
                    "remove or disconnect them first",
                )
            self._host.shut(network)
            self._members.remove(network)
        return network

    def prune(self, chosen: Callable[[Network], bool] = lambda _: True) -> tuple[str, ...]:
        """Remove those networks without containers that are chosen, never the default one; their names."""
        removed = []
        for network in filter(chosen, self.list()):
            if network.name != DEFAULT and not self.containers(network):
                # A container may have come to it meanwhile.
                with suppress(NetworkError):
                    removed.append(self.remove(network.name).name)
        return tuple(removed)

    def sweep(self) -> tuple[str, ...]:
        """Give back what containers have that are gone; returns their ids."""
        names = os.listdir(self._sandboxes)  # noqa: PTH208
        for name in names:
            if name.startswith(".old-") or (name.startswith(".new-") and _is_abandoned(name)):
                remove_tree(f"{self._sandboxes}/{name}")
        gone = tuple(name for name in names if not name.startswith(".") and self._is_gone(name))
        for container in gone:
            self.release(container)
        for network in self._registry:
            with suppress(NetworkError), self._members.locked([network.name]):
                self._members.sweep(network)
        self._host.sweep()
        self._registry.sweep()
        return gone

    def reload(self) -> None:
        """Put the rules back that somebody has flushed.

        Raises:
            NetworkError: the kernel or the program refuses.
        """
        self._host.reload()


def _is_abandoned(name: str) -> bool:
    """Whether who was making a sandbox has ended."""
    return owner.started(int(name.split("-")[1])) < 0
