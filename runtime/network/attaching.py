# ruff: noqa: PTH112, PTH123 - plain strings; a start can't afford pathlib's detours
"""A container's way onto networks and off them.

Locks are taken in this order: the container's, its networks' by name, the one for ports and rules.
"""

import os
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import replace

from runtime.network import files, links, names, owner, place
from runtime.network.host import Host
from runtime.network.membership import Membership
from runtime.network.model import DEFAULT, Connection, Endpoint, Network, check_host
from runtime.network.registry import Registry
from runtime.network.sandbox import Attachment, Sandbox, attachment
from tare import resolver
from tare.errors import NetworkError
from tare.ports import Published
from tare.resolver import Alias, Resolver
from tare.state import State


class _NotAttachedError(NetworkError):
    """Nothing is kept for the container."""


class Attaching:
    """The containers on the networks of one state root, for any number of threads and processes at a time.

    A container's way: `attach` before it is started, `plug` once its namespace exists, `announce` once it is
    on its way, `detach` when it has ended, `release` when it is removed.

    Args:
        state: where the networks are kept, and the tag of what they are in the kernel.
    """

    def __init__(self, state: State) -> None:
        self._tag = state.tag
        self._sandboxes = str(state.directory("networks", "sandboxes", volatile=True))
        self._registry = Registry(str(state.directory("networks")), state.tag)
        self._host = Host(state, self._registry, self._is_gone)
        members = str(state.directory("networks", "members", volatile=True))
        self._members = Membership(self._registry, members, self._sandboxes, self._is_gone)

    def attach(
        self,
        container: str,
        connections: Sequence[Connection] = (Connection(),),
        *,
        name: str = "",
        hostname: str = "",
        publish: Sequence[Published] = (),
        dns: Resolver = Resolver(),  # noqa: B008 - frozen
        aliases: Sequence[Alias] = (),
        keeper: str = "",
    ) -> Sandbox:
        """Reserve what a container needs of networks, and write its files; all of it or nothing.

        Args:
            container: its id.
            connections: one for each network.
            name: by which others on its networks know it.
            hostname: its own; the first 12 digits of its id when empty.
            publish: its ports on the host.
            aliases: further lines for its /etc/hosts.
            keeper: a directory that exists as long as the container does; when empty it doesn't outlive the
                calling process.

        Raises:
            NetworkError: no such network, an address or port is taken or none is left.
            UsageError: a name, resolver or alias without meaning.
        """
        hostname = hostname or container[:12]
        for known in filter(None, (container, name, hostname)):
            check_host(known)
        if any(connection.network == DEFAULT for connection in connections):
            self._renew_default()
        fresh = Sandbox(container, name, f"{self._sandboxes}/{container}", owned=tuple(owner.owner(keeper)))
        with self._held(container, fresh) as before:
            is_after_crash = not before.is_alive()
            if before.owned != fresh.owned:
                fresh.save_owner()
            if before.endpoints:
                self._quiet(before)
            own = fresh
            try:
                with self._members.locked(connection.network for connection in connections) as networks:
                    for connection in connections:
                        network = networks[connection.network]
                        if is_after_crash:
                            self._members.drop_strays(before, network)
                        own = own.with_endpoints([self._members.reserve(own, network, connection, before)])
                    self._write_files(own, networks, hostname, dns, aliases)
                if publish:
                    own = replace(own, published=self._reserve_ports(own, publish))
                own.save()
            except BaseException:
                self._let_go(own)
                self._give_back(before, own)
                raise
            self._give_back(before, own)
        return own

    def interface(self, own: Sandbox) -> Attachment:
        """The sandbox in the form in which a ContainerSpec takes an interface."""
        network = self._registry.get(own.endpoints[0].network)
        return attachment(self, own, network.link, None if network.internal else network.gateway)

    def plug(self, container: str, pid: int) -> Sandbox:
        """Lead an attached container's networks into the namespace of a process, and open its ports.

        Raises:
            NetworkError: it is not attached, or the kernel refuses.
        """
        with self._held(container) as held, _namespace(pid) as namespace:
            own = held
            way_out = self._way_out(own)
            for endpoint in own.endpoints:
                plugged = self._plug(endpoint, namespace, is_way_out=endpoint == way_out)
                own = own.with_endpoints([plugged])
            own.save_links()
            if way_out:
                network = self._registry.get(way_out.network)
                self._host.publish(own.published, container, own.on(network.name), network)
        return own

    def announce(self, container: str) -> None:
        """Tell the containers that were there before of this one's names."""
        with self._held(container) as own:
            for endpoint in own.endpoints:
                with self._members.locked([endpoint.network]) as networks:
                    self._members.names(networks[endpoint.network]).announce(container)

    def connect(
        self, container: str, connection: Connection, pid: int = 0, publish: Sequence[Published] = ()
    ) -> Sandbox:
        """Connect an attached container to one more network, at once when it runs as `pid`.

        Args:
            container: its id.
            connection: the network and what is asked of it.
            pid: of a process in the container's namespace; 0 without one.
            publish: its ports, opened if this is its way out.

        Raises:
            NetworkError: it is connected already, an address or port is taken, or the kernel refuses.
        """
        with self._held(container) as held, self._members.locked([connection.network]) as networks:
            own = held
            network = networks[connection.network]
            if any(endpoint.network == network.name for endpoint in own.endpoints):
                raise NetworkError(
                    f"the container is on the network {network.name} already", "disconnect it first"
                )
            endpoint = self._members.reserve(own, network, connection, own)
            own = own.with_endpoints([endpoint])
            try:
                lines = own.lines(network.name)
                others = self._members.names(network).join(container, lines)
                with open(f"{own.path}/hosts", "a", encoding="utf-8") as hosts:
                    hosts.write("".join(lines) + others)
                if pid:
                    with _namespace(pid) as namespace:
                        is_way_out = endpoint == self._way_out(own)
                        own = own.with_endpoints([self._plug(endpoint, namespace, is_way_out=is_way_out)])
                    if is_way_out:
                        own = self._open(own, publish)
            except BaseException:
                for plugged in own.endpoints:
                    if plugged.network == network.name and plugged.link:
                        links.remove(plugged.link)
                self._members.free(container, network, endpoint)
                held.save()
                raise
            self._members.names(network).announce(container)
            own.save()
            own.save_links()
        return own

    def disconnect(self, container: str, reference: str, pid: int = 0) -> Sandbox:
        """Take a container off a network, also while it runs.

        Default routes and ports that were there move to the next network with a way out.

        Args:
            container: its id.
            reference: the network's name or id.
            pid: of a process in the container's namespace; 0 without one.

        Raises:
            NetworkError: it is not on it.
        """
        name = self._registry.find(reference).name
        with self._held(container) as held:
            own = held
            endpoint = next((one for one in own.endpoints if one.network == name), None)
            if endpoint is None:
                raise NetworkError(f"the container is not on the network {name}", "see `tarebox inspect`")
            was_way_out, published = endpoint == self._way_out(own), own.published
            if was_way_out:
                self._host.withdraw(published, container, endpoint)
                own = replace(own, published=())
            if endpoint.link:
                links.remove(endpoint.link)
            with self._members.locked([name]) as networks:
                self._members.free(container, networks[name], endpoint)
            own = replace(own, endpoints=tuple(one for one in own.endpoints if one != endpoint))
            own.save()
            own.save_links()
            way_out = self._way_out(own) if was_way_out and pid else None
            if way_out:
                with _namespace(pid) as namespace:
                    links.lead_out(self._registry.get(way_out.network), way_out, namespace)
                own = self._open(own, published)
        return own

    def rename(self, container: str, name: str) -> None:
        """Have others know a container by another name from now on, also while it runs."""
        with suppress(_NotAttachedError), self._held(container) as own:
            new = replace(own, name=name)
            hostname = files.text(f"{own.path}/hostname").strip()
            for endpoint in own.endpoints:
                with self._members.still(endpoint) as network:
                    if network:
                        old_lines, new_lines = own.lines(network.name), new.lines(network.name)
                        self._members.names(network).change(container, old_lines, new_lines)
                old_lines, new_lines = (one.lines(endpoint.network, hostname) for one in (own, new))
                names.change(f"{own.path}/hosts", old_lines, new_lines)
            new.save()

    def sandbox(self, container: str) -> Sandbox | None:
        """What is kept for a container; None when it is attached to nothing."""
        return Sandbox.load(f"{self._sandboxes}/{container}")

    def detach(self, container: str) -> None:
        """Close the ports of a container that has ended and take back its names; its addresses stay its own.

        Its links are left to go with its namespace, as removing them here takes longer than a start.
        """
        with suppress(_NotAttachedError), self._held(container) as own:
            self._quiet(own)

    def release(self, container: str) -> None:
        """Give back all that a container has; again is no fault."""
        with suppress(_NotAttachedError), self._held(container) as own:
            self._let_go(own)

    @contextmanager
    def _held(self, container: str, fresh: Sandbox | None = None) -> Iterator[Sandbox]:
        """Hold the lock of a container, made of `fresh` unless it is there.

        Raises:
            _NotAttachedError: it is not there.
        """
        path = f"{self._sandboxes}/{container}"
        while True:
            if fresh and not os.path.isdir(path):
                fresh.make()
            with ExitStack() as stack:
                try:
                    stack.enter_context(files.locked(f"{path}/lock"))
                except FileNotFoundError:
                    found = None
                else:
                    # Whoever held the lock before may have removed it.
                    found = Sandbox.load(path)
                if found:
                    yield found
                    return
            if not fresh:
                raise _NotAttachedError(f"the container {container} is on no network", "connect it to one")

    def _renew_default(self) -> None:
        """Give the default network another subnet where a link has its own by now, and nobody is on it."""
        if not self._host.is_barred(self._registry.find(DEFAULT)):
            return
        with self._members.locked([DEFAULT]) as networks:
            network = networks[DEFAULT]
            if self._host.is_barred(network) and self._members.is_empty(network):
                self._host.shut(network)
                self._members.remove(network)

    def _reserve_ports(self, own: Sandbox, wanted: Sequence[Published]) -> tuple[Published, ...]:
        way_out = self._way_out(own)
        if way_out is None:
            raise NetworkError(
                "no network of the container has a way out", "connect it to one, or publish no ports"
            )
        return self._host.reserve(wanted, own.container, way_out)

    def _open(self, own: Sandbox, publish: Sequence[Published]) -> Sandbox:
        """Open ports of a container that runs; it with them, on record."""
        way_out = self._way_out(own)
        if not publish or not way_out:
            return own
        opened = replace(own, published=self._host.reserve(publish, own.container, way_out))
        try:
            opened.save()
            self._host.publish(opened.published, own.container, way_out, self._registry.get(way_out.network))
        except BaseException:
            self._host.withdraw(opened.published, own.container, way_out)
            own.save()
            raise
        return opened

    def _plug(self, endpoint: Endpoint, namespace: int, *, is_way_out: bool) -> Endpoint:
        network = self._registry.get(endpoint.network)
        self._host.bring_up(network)
        link = links.plug(self._tag, network, endpoint, namespace, is_way_out=is_way_out)
        return replace(endpoint, link=link)

    def _write_files(
        self,
        own: Sandbox,
        networks: Mapping[str, Network],
        hostname: str,
        dns: Resolver,
        aliases: Sequence[Alias],
    ) -> None:
        """Write a container's files and its names, while its networks' locks are held."""
        by_name = {network.name: network for network in networks.values()}
        mine: list[str] = []
        others: list[str] = []
        for endpoint in own.endpoints:
            network = by_name[endpoint.network]
            mine += own.lines(network.name, hostname)
            others.append(self._members.names(network).join(own.container, own.lines(network.name)))
        gateway = str(by_name[own.endpoints[0].network].gateway) if own.endpoints else ""
        for name, text in (
            ("hostname", f"{hostname}\n"),
            ("hosts", resolver.hosts(mine, aliases, gateway) + "".join(others)),
            ("resolv.conf", resolver.resolv_conf(dns, servers=place.resolvers())),
        ):
            files.write(f"{own.path}/{name}", text, mode=0o644)

    def _way_out(self, own: Sandbox) -> Endpoint | None:
        """The endpoint that the default routes and the ports go through."""
        for endpoint in own.endpoints:
            # One that is removed meanwhile leads nowhere.
            with suppress(NetworkError):
                if not self._registry.get(endpoint.network).internal:
                    return endpoint
        return None

    def _quiet(self, own: Sandbox) -> None:
        """Close ports and take back names."""
        if way_out := self._way_out(own):
            self._host.withdraw(own.published, own.container, way_out)
        for endpoint in own.endpoints:
            with self._members.still(endpoint) as network:
                if network:
                    self._members.names(network).leave(own.container)
        own.drop_links()
        if own.published:
            replace(own, published=()).save()

    def _let_go(self, own: Sandbox) -> None:
        """Give back everything."""
        self._quiet(own)
        for endpoint in own.endpoints:
            with self._members.still(endpoint) as network:
                if network:
                    self._members.free(own.container, network, endpoint)
        own.remove()

    def _give_back(self, before: Sandbox, own: Sandbox) -> None:
        """Give back addresses that the container had and has no longer."""
        kept = {(one.network, address.ip) for one in own.endpoints for address in one.addresses}
        for endpoint in before.endpoints:
            lost = [one.ip for one in endpoint.addresses if (endpoint.network, one.ip) not in kept]
            with self._members.still(endpoint) as network:
                if network and lost:
                    self._members.give_back(own.container, network, lost)

    def _is_gone(self, container: str) -> bool:
        found = self.sandbox(container)
        return found is None or not found.is_alive()


@contextmanager
def _namespace(pid: int) -> Iterator[int]:
    """The descriptor of a process's network namespace.

    Raises:
        NetworkError: the process is gone.
    """
    try:
        descriptor = os.open(f"/proc/{pid}/ns/net", os.O_RDONLY | os.O_CLOEXEC)
    except FileNotFoundError:
        raise NetworkError(f"the process {pid} has ended", "start the container again") from None
    try:
        yield descriptor
    finally:
        os.close(descriptor)
