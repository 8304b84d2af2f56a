"""Places on networks for links that aren't a container's; the entry point of `tare.network`."""

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from runtime.network.model import Connection
from runtime.network.networks import Networks
from tare.errors import NetworkError
from tare.network import Lease, Wish
from tare.state import State


@contextmanager
def leased(state: State, wish: Wish) -> Iterator[Lease]:
    """See `tare.network.NetworkSource`."""
    if os.geteuid() != 0:
        raise NetworkError(
            "the bridges of an ordinary user's networks are in a namespace that only containers enter",
            "be root, or choose another network",
        )
    networks, member = Networks(state), os.urandom(32).hex()
    connection = Connection(wish.network, wish.address, aliases=wish.aliases)
    own = networks.attach(
        member, (connection,), name=wish.hostname, hostname=wish.hostname, publish=wish.ports,
        dns=wish.resolver, aliases=wish.hosts,
    )  # fmt: skip
    try:
        network, endpoint, files = networks.bring_up(wish.network), own.endpoints[0], Path(own.path)
        yield Lease(
            bridge=network.link,
            address=endpoint.address,
            gateway=None if network.internal else network.gateway,
            address6=endpoint.address6,
            gateway6=None if network.internal else network.gateway6,
            mac=endpoint.mac,
            mtu=network.mtu,
            hostname=(files / "hostname").read_text().strip(),
            hosts=files / "hosts",
            resolv=(files / "resolv.conf").read_text(),
            join=lambda link, keeper: networks.adopt(member, link, str(keeper)),
        )
    finally:
        networks.release(member)
