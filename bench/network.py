"""The network of one run: containers and machines on one bridge, the host at its gateway."""

import os
from ipaddress import IPv4Interface, IPv4Network
from types import TracebackType
from typing import Self

from runtime.network.model import Connection
from runtime.network.networks import Networks
from runtime.network.sandbox import Sandbox
from tare.state import State

PREFIX = "tarebench-"


class Network:
    """A context in which the network exists, for the subjects alone.

    Nothing is routed beyond it, so the host's settings stay as they are. Addresses are taken from below;
    the upper half of the subnet is left to engines that give addresses themselves, a quarter each.

    Args:
        state: of the networks, among which it is called `name`.

    Raises:
        NetworkError: no free subnet, or the kernel refuses.
    """

    def __init__(self, state: State) -> None:
        self.networks = Networks(state)
        self.name = f"{PREFIX}{os.getpid()}-{os.urandom(4).hex()}"
        self._attached: list[str] = []

    def __enter__(self) -> Self:
        network = self.networks.create(self.name, internal=True)
        try:
            self.networks.bring_up(network.name)
        except BaseException:
            self.networks.remove(network.name)
            raise
        self.link, self.subnet, self.gateway = network.link, network.subnet, network.gateway
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        for container in self._attached:
            self.networks.release(container)
        self.networks.remove(self.name)

    def attach(self, container: str) -> Sandbox:
        """Reserve what a container needs; Networks has the rest of its way."""
        return self.networks.attach(container, (Connection(self.name),))

    def quarter(self, number: int) -> IPv4Network:
        """Of the subnet, from 0."""
        return list(self.subnet.subnets(prefixlen_diff=2))[number]

    def address(self) -> IPv4Interface:
        """An address for something that is no container of ours; it is given back with the network."""
        container = os.urandom(32).hex()
        address = self.attach(container).endpoints[0].address
        self._attached.append(container)
        return address
