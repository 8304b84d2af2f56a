"""The network a machine is on, from what is asked for to the names that its guest and others know."""

from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, replace

from tare.errors import NetworkError
from tare.network import GROUP, Lease, NetworkSource, Wish
from tare.ports import Published
from tare.provider import provider
from tare.resolver import Alias, Resolver, hosts, resolv_conf
from tare.state import State
from vm_baseline.identity import USER_ADDRESS, USER_GATEWAY, USER_RESOLVER
from vm_baseline.machine import Machine
from vm_baseline.naming import Naming
from vm_baseline.spec import MachineSpec, Tap

_LOOPBACK = "127.0.1.1"


@dataclass(frozen=True)
class Network:
    """What is asked for; without any of it there is no network.

    Args:
        tap: a link on a bridge, or None.
        is_user: whether it is QEMU's own network.
        ports: of the host that lead into that.
        wish: for a place on a network of tarebox's, which also has the names then; or None.
        resolver: what the guest asks for names, where that isn't the network's.
        hosts: names it knows itself.
    """

    tap: Tap | None = None
    is_user: bool = False
    ports: tuple[Published, ...] = ()
    wish: Wish | None = None
    resolver: Resolver = Resolver()  # noqa: RUF009 - frozen
    hosts: tuple[Alias, ...] = ()


@dataclass(frozen=True)
class Place:
    """A place on a network.

    Args:
        network: what is asked for.
        lease: on a network of tarebox's, or None; likewise the names on it.
    """

    network: Network
    lease: Lease | None = None
    naming: Naming | None = None

    def given_to(self, spec: MachineSpec) -> MachineSpec:
        """The machine with it.

        Raises:
            UsageError: a name has no meaning there.
        """
        lease, network = self.lease, self.network
        if lease is None or self.naming is None:
            return _named(replace(
                spec, tap=network.tap, user_network=network.is_user, ports=network.ports,
                resolv=_resolv(network), hosts=_hosts(network, spec.hostname),
            ))  # fmt: skip
        tap = Tap(
            lease.bridge, lease.address, lease.gateway, lease.mac, lease.mtu, lease.address6, lease.gateway6
        )
        hosts = self.naming.text()
        return _named(replace(spec, tap=tap, hostname=lease.hostname, hosts=hosts, resolv=lease.resolv))

    def joined_by(self, machine: Machine) -> None:
        """Have others know a machine that has started.

        Raises:
            NetworkError: its ports can't be opened.
        """
        if self.lease and self.naming and machine.tap:
            self.lease.join(machine.tap, machine.directory)
            self.naming.follow(machine)


@contextmanager
def opened(state: State, network: Network) -> Iterator[Place]:
    """A place on it, which must outlast the machine.

    Raises:
        NetworkError: no such network, or it has no place.
    """
    if network.wish is None:
        yield Place(network)
        return
    with ExitStack() as stack:
        lease = stack.enter_context(_source()(state, network.wish))
        yield Place(network, lease, stack.enter_context(Naming(lease.hosts)))


def _named(spec: MachineSpec) -> MachineSpec:
    """With its host name in a variable, as containers have it."""
    return replace(spec, env={"HOSTNAME": spec.hostname, **spec.env}) if spec.hostname else spec


def _resolv(network: Network) -> str | None:
    """The text of the guest's /etc/resolv.conf, where the image's doesn't stay."""
    if network.resolver == Resolver():
        return None
    return resolv_conf(network.resolver, servers=(USER_RESOLVER,) if network.is_user else ())


def _hosts(network: Network, hostname: str) -> str | None:
    """The text of its /etc/hosts likewise; without a network its name is on loopback, as Debian has it."""
    if not network.hosts and not hostname:
        return None
    address, gateway = None, None
    if network.tap is not None:
        address, gateway = network.tap.address, network.tap.gateway
    elif network.is_user:
        address, gateway = USER_ADDRESS, USER_GATEWAY
    own = [f"{address.ip if address else _LOOPBACK}\t{hostname}\n"] if hostname else []
    return hosts(own, network.hosts, str(gateway or ""))


def _source() -> NetworkSource:
    source: NetworkSource | None = provider(GROUP)
    if source is None:
        raise NetworkError(
            "nobody here has networks", "name a bridge and --address, or install tarebench again"
        )
    return source
