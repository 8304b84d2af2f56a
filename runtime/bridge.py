"""A bridge for as long as it is needed: the host at its gateway address, containers behind it."""

from collections.abc import Iterator
from ipaddress import IPv4Address, IPv4Interface, IPv4Network
from types import TracebackType
from typing import Self

from runtime.network import links
from runtime.spec import Interface
from tare.errors import NetworkError
from tare.state import State

_POOL = IPv4Network("10.213.0.0/16")
_SUBNET_PREFIX = 24


class Bridge:
    """A context in which the bridge exists.

    Nothing is routed beyond it: the host reaches the containers and they reach the host and each other.

    Args:
        state: whose tag the bridge's name carries.
        subnet: the network of its addresses; a free one is chosen when None.

    Raises:
        NetworkError: no free subnet, the one asked for is in use, or the kernel refuses.
    """

    def __init__(self, state: State, subnet: IPv4Network | None = None) -> None:
        self.name = links.name(state.tag, "b")
        self._tag = state.tag
        self._wanted = subnet
        self._hosts: Iterator[IPv4Address] = iter(())

    def __enter__(self) -> Self:
        self.subnet = self._choose()
        self._hosts = self.subnet.hosts()
        self.gateway = next(self._hosts)
        links.make_bridge(self.name, self._tag, [IPv4Interface((self.gateway, self.subnet.prefixlen))])
        return self

    def __exit__(
        self, kind: type[BaseException] | None, value: BaseException | None, trace: TracebackType | None
    ) -> None:
        links.remove(self.name)

    def interface(self) -> Interface:
        """An interface on this bridge with the next free address.

        Raises:
            NetworkError: the subnet has none left.
        """
        try:
            address = next(self._hosts)
        except StopIteration:
            raise NetworkError(f"no address left in {self.subnet}", "use a larger subnet") from None
        return Interface(self.name, IPv4Interface((address, self.subnet.prefixlen)), self.gateway)

    def _choose(self) -> IPv4Network:
        used = links.routed()
        wanted = [self._wanted] if self._wanted else _POOL.subnets(new_prefix=_SUBNET_PREFIX)
        for subnet in wanted:
            if not any(other.version == 4 and subnet.overlaps(other) for other in used):
                return subnet
        raise NetworkError(f"the subnet {self._wanted or _POOL} is in use on this host", "choose another one")
