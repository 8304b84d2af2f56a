"""A container's way onto networks by its settings, and off them."""

import os
from contextlib import suppress
from dataclasses import replace
from pathlib import Path

from runtime.lifecycle.directory import Directory
from runtime.lifecycle.errors import StatusError
from runtime.lifecycle.record import Record
from runtime.lifecycle.settings import Networking
from runtime.network import mode
from runtime.network.model import Connection, check_host
from runtime.network.networks import Networks
from runtime.network.sandbox import Sandbox
from runtime.spec import Bind, ContainerSpec, Namespace
from tare import resolver
from tare.errors import NetworkError, UsageError
from tare.ports import Published, parse
from tare.state import State

_FILES = ("hostname", "hosts", "resolv.conf")


class Connecting:
    """Containers on the networks of a state.

    Args:
        state: where both are.
        directory: of all containers.
    """

    def __init__(self, state: State, directory: Directory) -> None:
        self._networks = Networks(state)
        self._directory = directory

    def lead(self, record: Record, spec: ContainerSpec) -> ContainerSpec:
        """Reserve what a container that is about to start needs of networks; its specification with that.

        Raises:
            NetworkError: no such network, an address or port is taken or none is left.
            NoSuchContainerError, StatusError: the container whose namespace it joins is gone, or doesn't run.
        """
        networking = record.settings.networking
        kind = mode.parse(networking.mode)
        if spec.interface or (Namespace.NET not in spec.namespaces and kind.kind != mode.CONTAINER):
            return _with(spec, ()) if spec.interface else _with(spec, _host_files(record, spec.hostname))
        if kind.kind == mode.CONTAINER:
            return _with(spec, self._files_of(self._directory.find(kind.target)))
        try:
            sandbox = self._attach(record, spec.hostname)
        except NetworkError:
            if not self._quiet_ended(besides=record.id):
                raise
            sandbox = self._attach(record, spec.hostname)
        interface = self._networks.interface(sandbox) if sandbox.endpoints else None
        return _with(replace(spec, interface=interface), sandbox.binds)

    def announce(self, record: Record) -> None:
        """Tell the containers that were there before of a container that has started."""
        # It may be removed or taken off meanwhile.
        with suppress(NetworkError):
            self._networks.announce(record.id)

    def quiet(self, record: Record) -> None:
        """Close the ports of a container that has ended, and take back its names."""
        self._networks.detach(record.id)

    def release(self, record: Record) -> None:
        """Give back all that a container has of networks."""
        self._networks.release(record.id)

    def sandbox(self, record: Record) -> Sandbox | None:
        """What a container has of networks; None while it has nothing."""
        return self._networks.sandbox(record.id)

    def connect(self, record: Record, network: str, connection: Connection) -> None:
        """Connect a container, whose lock the caller holds, to one more network, at once if it runs.

        Raises:
            NetworkError: no such network, it is on it already, or an address is taken.
            StatusError: it is in a network namespace that isn't its own.
        """
        networking = record.settings.networking
        name = self._networks.get(network).name
        before = self._connections(record)
        if name in (one.network for one in before):
            raise NetworkError(f"the container is on the network {name} already", "disconnect it first")
        connection = replace(connection, network=name)
        if record.is_alive():
            pid = int(record.state["pid"])
            self._networks.connect(record.id, connection, pid, _published(record))
        is_first = mode.parse(networking.mode).kind == mode.NONE
        _save(
            record,
            replace(
                networking, mode=name if is_first else networking.mode, connections=(*before, connection)
            ),
        )

    def disconnect(self, record: Record, network: str) -> None:
        """Take a container, whose lock the caller holds, off a network, at once if it runs.

        Raises:
            NetworkError: it is not on it.
            StatusError: it is in a network namespace that isn't its own.
        """
        networking = record.settings.networking
        name = self._networks.get(network).name
        before = self._connections(record)
        left = tuple(one for one in before if one.network != name)
        if len(left) == len(before):
            raise NetworkError(f"the container is not on the network {name}", "see `tarebox inspect`")
        if record.is_alive():
            self._networks.disconnect(record.id, name, int(record.state["pid"]))
        mode_left = networking.mode if left else mode.NONE
        if left and mode.parse(mode_left).target == name:
            mode_left = left[0].network
        _save(record, replace(networking, mode=mode_left, connections=left))

    def rename(self, record: Record) -> None:
        """Have others know a container, whose lock the caller holds, by the name it has now."""
        self._networks.rename(record.id, _host_name(record.name))

    def _connections(self, record: Record) -> tuple[Connection, ...]:
        kind = mode.parse(record.settings.networking.mode).kind
        if kind in (mode.HOST, mode.CONTAINER):
            raise StatusError(
                f"the container {record.name} is in a network namespace that isn't its own",
                "make one with --network NETWORK",
            )
        return tuple(replace(one, network=self._known(one.network)) for one in connections(record))

    def _known(self, network: str) -> str:
        """The name of a network, or what the settings call one that is gone."""
        try:
            return self._networks.get(network).name
        except NetworkError:
            return network

    def _attach(self, record: Record, hostname: str) -> Sandbox:
        networking = record.settings.networking
        wanted = connections(record)
        return self._networks.attach(
            record.id,
            wanted,
            name=_host_name(record.name),
            hostname=_host_name(hostname),
            publish=_published(record) if wanted else (),
            dns=networking.dns,
            aliases=networking.hosts,
            keeper=record.path,
        )

    def _files_of(self, other: Record) -> tuple[Bind, ...]:
        """The files of the container whose namespace another joins."""
        sandbox = self.sandbox(other)
        if sandbox:
            return sandbox.binds
        return tuple(
            Bind(Path(other.path, name), f"/etc/{name}")
            for name in _FILES
            if os.path.exists(f"{other.path}/{name}")  # noqa: PTH110 - as spec.py
        )

    def _quiet_ended(self, *, besides: str) -> bool:
        """Close the ports of containers whose monitors were killed before that; whether there were any."""
        found = False
        for record in self._directory:
            sandbox = self.sandbox(record)
            if record.id != besides and sandbox and sandbox.published and not record.is_alive():
                self.quiet(record)
                found = True
        return found


def connections(record: Record) -> tuple[Connection, ...]:
    """What a container asks of each network; nothing where it is on none."""
    networking = record.settings.networking
    kind = mode.parse(networking.mode)
    return networking.connections or ((Connection(kind.target),) if kind.kind == mode.BRIDGE else ())


def _published(record: Record) -> tuple[Published, ...]:
    """The ports of the host asked for, and with publish_all any for the exposed ones that are left."""
    networking = record.settings.networking
    if not networking.publish_all:
        return networking.publish
    given = {(one.protocol, one.port) for one in networking.publish}
    exposed = (one for text in record.settings.exposed for one in parse(text))
    return (*networking.publish, *(one for one in exposed if (one.protocol, one.port) not in given))


def _with(spec: ContainerSpec, binds: tuple[Bind, ...]) -> ContainerSpec:
    """The specification with files that nothing else is mounted over."""
    taken = {bind.target for bind in spec.binds}
    return replace(spec, binds=(*(bind for bind in binds if bind.target not in taken), *spec.binds))


def _host_files(record: Record, hostname: str) -> tuple[Bind, ...]:
    """Copies of the host's files for a container in its network namespace, as it may write to its own."""
    networking = record.settings.networking
    own = networking.dns != resolver.Resolver()
    texts = {
        "hostname": f"{hostname}\n",
        "hosts": _text("/etc/hosts")
        + "".join(
            f"{'127.0.0.1' if alias.address == 'host-gateway' else alias.address}\t{alias.name}\n"
            for alias in networking.hosts
        ),
        "resolv.conf": resolver.resolv_conf(networking.dns) if own else _text("/etc/resolv.conf"),
    }
    for name, text in texts.items():
        Path(record.path, name).write_text(text)
        Path(record.path, name).chmod(0o644)
    return tuple(Bind(Path(record.path, name), f"/etc/{name}") for name in _FILES)


def _text(path: str) -> str:
    try:
        return Path(path).read_text(errors="replace")
    except OSError:
        return ""


def _host_name(name: str) -> str:
    """A name by which others may know a container; empty for one that can't be in a file of names."""
    try:
        check_host(name)
    except UsageError:
        return ""
    return name


def _save(record: Record, networking: Networking) -> None:
    record.settings = replace(record.settings, networking=networking)
    record.write()
