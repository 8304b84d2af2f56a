"""The host's side of networks: bridges, forwarding, rules and published ports.

All of it happens under one lock, taken only when a bridge is missing or a port is published.
"""

from collections.abc import Callable, Iterable
from contextlib import suppress
from dataclasses import replace
from functools import cached_property
from ipaddress import IPv4Interface, IPv4Network, IPv6Interface, IPv6Network

from runtime.network import files, links, netlink, place, sysctls
from runtime.network.firewall import Firewall, Policy, choose
from runtime.network.model import Endpoint, Network
from runtime.network.ports import Ports, Target
from runtime.network.registry import Registry
from tare.errors import NetworkError
from tare.ports import Published
from tare.state import PREFIX, State


class Host:
    """What the networks of one state root are in this host's kernel.

    Args:
        state: whose tag all of it carries.
        registry: of the networks.
        is_gone: says of a container whether it is gone for good.
    """

    def __init__(self, state: State, registry: Registry, is_gone: Callable[[str], bool]) -> None:
        ports = state.directory("networks", "ports", volatile=True)
        self._lock = str(ports.with_name("lock"))
        self._state = state
        self._tag = state.tag
        self._registry = registry
        self._ports = Ports(str(ports), is_gone)

    @cached_property
    def _firewall(self) -> Firewall:
        return choose(PREFIX + self._tag)

    @place.there
    def bring_up(self, network: Network) -> None:
        """Make the network's bridge and rules unless they are there.

        Raises:
            NetworkError: another link has the subnet by now, or the kernel refuses.
        """
        if netlink.index(network.link):
            return
        place.await_connection()
        with files.locked(self._lock):
            if netlink.index(network.link):
                return
            if other := _clash(network):
                raise NetworkError(
                    f"the subnet of the network {network.name} overlaps {other}, in use on this host",
                    "remove the network or the route",
                )
            try:
                self._raise(network)
            except OSError as error:
                raise NetworkError(
                    f"this host can't be made to forward: {error.strerror}", "set net.ipv4.ip_forward to 1"
                ) from None

    def _raise(self, network: Network) -> None:
        # Bridges are there already when most containers start.
        from runtime.network import forwarding

        with forwarding.held(self._state) as record:
            sysctls.forward(network, record)
            self._firewall.load(self._policy(network))
            addresses: list[IPv4Interface | IPv6Interface] = [
                IPv4Interface((network.gateway, network.subnet.prefixlen))
            ]
            if network.gateway6 and network.subnet6:
                addresses.append(IPv6Interface((network.gateway6, network.subnet6.prefixlen)))
            links.make_bridge(network.link, self._tag, addresses, mtu=network.mtu)

    @place.there
    def is_barred(self, network: Network) -> bool:
        """Whether another link has the subnet of a network whose bridge is down."""
        return not netlink.index(network.link) and _clash(network) is not None

    @place.there
    def shut(self, network: Network) -> None:
        """Remove the network's bridge, rules and definition; the caller holds its lock.

        Raises:
            NetworkError: the kernel refuses.
        """
        with files.locked(self._lock):
            was_up = links.remove(network.link)
            self._registry.remove(network)
            if not was_up:
                return
            if (policy := self._policy()).networks:
                self._firewall.load(policy)
            else:
                self._firewall.remove()

    @place.there
    def reload(self) -> None:
        """Put the rules back that somebody has flushed.

        Raises:
            NetworkError: the kernel or the program refuses.
        """
        with files.locked(self._lock):
            self._firewall.load(self._policy())

    @place.there
    def sweep(self) -> None:
        """Give back ports of containers that are gone.

        Raises:
            NetworkError: the kernel or the program refuses.
        """
        with files.locked(self._lock):
            if self._ports.sweep():
                self._firewall.load(self._policy())
                self._close_other_ports()

    def reserve(
        self, wanted: Iterable[Published], container: str, endpoint: Endpoint
    ) -> tuple[Published, ...]:
        """Reserve ports for an endpoint; returns them with their numbers on the host.

        Raises:
            NetworkError: one is taken, or not to be had.
        """
        with files.locked(self._lock):
            if place.is_elsewhere():
                # They are still held where a container was killed.
                self._ports.sweep()
                self._close_other_ports()
            return tuple(one.published for one in self._ports.take(wanted, container, endpoint))

    @place.there
    def publish(
        self, published: tuple[Published, ...], container: str, endpoint: Endpoint, network: Network
    ) -> None:
        """Lead reserved ports to an endpoint.

        Raises:
            NetworkError: the kernel or the program refuses.
        """
        if not published:
            return
        # Where netfilter sees bridged frames, a call to oneself is bridged too.
        links.reflect(endpoint.link)
        if any(one.is_on_all or (one.host and one.host.is_loopback) for one in published):
            # Only so may packets from 127.0.0.1 leave for the bridge, and answers come back.
            with suppress(FileNotFoundError):
                sysctls.put(f"ipv4/conf/{network.link}/route_localnet", "1")
            if endpoint.address6 and sysctls.forwards_loopback6():
                links.answer_loopback6(network.link)
        with files.locked(self._lock):
            self._firewall.publish(_targets(published, container, endpoint), self._policy)
            place.open_ports(published)

    @place.there
    def withdraw(self, published: tuple[Published, ...], container: str, endpoint: Endpoint) -> None:
        """Give reserved ports back, whether they lead anywhere or not.

        Raises:
            NetworkError: the kernel or the program refuses.
        """
        if not published:
            return
        with files.locked(self._lock):
            place.close_ports(published)
            self._ports.give_back(container, published)
            if endpoint.link:
                self._firewall.withdraw(_targets(published, container, endpoint), self._policy)

    def _policy(self, *rising: Network) -> Policy:
        """What is to be enforced for all networks that are up or about to be."""
        networks = [one for one in self._registry if one in rising or netlink.index(one.link)]
        targets = [replace(one, published=place.as_seen(one.published)) for one in self._ports.all()]
        return Policy(tuple(networks), tuple(targets))

    def _close_other_ports(self) -> None:
        place.close_other_ports([target.published for target in self._ports.all()])


def _targets(published: tuple[Published, ...], container: str, endpoint: Endpoint) -> list[Target]:
    address6 = endpoint.address6.ip if endpoint.address6 else None
    return [Target(place.as_seen(one), container, endpoint.address.ip, address6) for one in published]


def _clash(network: Network) -> IPv4Network | IPv6Network | None:
    """A subnet that this host has a route to and that overlaps the network's."""
    own = (network.subnet, network.subnet6)
    for other in links.routed():
        if any(part and part.version == other.version and part.overlaps(other) for part in own):
            return other
    return None
