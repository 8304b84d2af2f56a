"""A bridge of our own, as docker0 is Docker's: the host at its gateway address, containers behind it."""

import os
from collections.abc import Iterator
from ipaddress import IPv4Address, IPv4Interface, IPv4Network
from types import TracebackType
from typing import Any, Self

from runtime.spec import Interface
from tare.errors import NetworkError
from tare.state import PREFIX, State

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
        self.name = f"{PREFIX}{state.tag}b{os.urandom(2).hex()}"
        self._wanted = subnet
        self._netlink: Any = None
        self._hosts: Iterator[IPv4Address] = iter(())

    def __enter__(self) -> Self:
        from pyroute2 import IPRoute, NetlinkError

        self._netlink = IPRoute()
        try:
            self.subnet = self._choose()
            self._hosts = self.subnet.hosts()
            self.gateway = next(self._hosts)
            self._netlink.link("add", ifname=self.name, kind="bridge")
            (self._index,) = self._netlink.link_lookup(ifname=self.name)
            self._netlink.addr(
                "add", index=self._index, address=str(self.gateway), prefixlen=self.subnet.prefixlen
            )
            self._netlink.link("set", index=self._index, state="up")
        except NetlinkError as error:
            self._remove()
            raise NetworkError(
                f"can't make the bridge {self.name}: {error}", "see `tarebox doctor`"
            ) from None
        except NetworkError:
            self._remove()
            raise
        return self

    def __exit__(
        self, kind: type[BaseException] | None, value: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._remove()

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
        used = [
            IPv4Network((destination, route["dst_len"]))
            for route in self._netlink.get_routes(family=2)
            if (destination := route.get("dst"))
        ]
        wanted = [self._wanted] if self._wanted else _POOL.subnets(new_prefix=_SUBNET_PREFIX)
        for subnet in wanted:
            if not any(subnet.overlaps(other) for other in used):
                return subnet
        raise NetworkError(f"the subnet {self._wanted or _POOL} is in use on this host", "choose another one")

    def _remove(self) -> None:
        for index in self._netlink.link_lookup(ifname=self.name):
            self._netlink.link("del", index=index)
        self._netlink.close()
