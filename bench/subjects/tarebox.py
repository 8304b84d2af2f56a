"""Our own container, through its library: image, layers, network and limits as its users get them."""

import os
import time
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from importlib import metadata
from ipaddress import IPv4Address
from pathlib import Path
from subprocess import CompletedProcess

from bench import footprint
from bench.checkpoint import unsaved
from bench.container import container_spec
from bench.lab import Lab
from bench.makeup import container_makeup
from bench.network import Network
from bench.output import Output
from bench.pulling import pulled_alone
from bench.sizes import container_sizes, tree_bytes
from bench.subject import (
    Availability,
    Footprint,
    Image,
    Makeup,
    Prepared,
    RunSpec,
    SubjectError,
    Timeline,
    Unsupported,
)
from results import Kind
from runtime import Container, ContainerSpec, Engine
from runtime.doctor import doctor
from runtime.image.layers import unpack_layers
from runtime.image.store import ImageStore
from runtime.storage import registry
from runtime.storage.protocol import Root
from tare.state import State

_NEEDED = ("privilege", "control groups", "filesystem overlay", "namespace pid", "namespace mnt")


class TareboxInstance:
    """One container of our engine.

    Args:
        engine: starts it.
        spec: the container.
        network: what it is to be connected to, None for nothing.
    """

    def __init__(self, engine: Engine, spec: ContainerSpec, network: Network | None) -> None:
        self._network = network
        self._id = os.urandom(32).hex()
        self._container: Container | None = None
        self._address: IPv4Address | None = None
        self.timeline = Timeline(started=0)
        read_end, write_end = os.pipe2(os.O_CLOEXEC)
        self._output = Output(read_end, "tarebox")
        self.wait_output = self._output.wait_for
        try:
            self.timeline.started = time.monotonic_ns()
            if network:
                spec = self._connected(spec, network)
            self._container = engine.start(spec, stdout=write_end, stderr=write_end)
            if network:
                network.networks.announce(self._id)
        except BaseException:
            self.remove()
            raise
        finally:
            os.close(write_end)
        self.timeline.created = self._container.created_ns

    def _connected(self, spec: ContainerSpec, network: Network) -> ContainerSpec:
        sandbox = network.attach(self._id)
        self._address = sandbox.endpoints[0].address.ip
        return replace(spec, interface=network.networks.interface(sandbox), binds=sandbox.binds)

    def wait_ready(self, timeout: float) -> Timeline:
        """Wait for the first byte of output."""
        self.timeline.first_output = self._output.wait_first(timeout)
        # The launcher notes that it has made it when the payload runs already.
        self.timeline.created = min(self._running.created_ns, self.timeline.first_output)
        return self.timeline

    def wait(self, timeout: float) -> int:
        """Exit status of the payload."""
        try:
            status = self._running.wait(timeout)
        except TimeoutError as error:
            raise SubjectError(f"tarebox did not end in {timeout:g} s") from error
        # The launcher may have seen its end before we have read what it said.
        self.timeline.exited = max(self._running.exited_ns or 0, self.timeline.first_output or 0)
        return status

    def exec(
        self, argv: tuple[str, ...], *, stdin: bytes | None = None, timeout: float | None = None
    ) -> CompletedProcess[bytes]:
        """Run a second command in all its namespaces and cgroups."""
        try:
            return self._running.exec(argv, stdin=stdin, timeout=timeout)
        except TimeoutError as error:
            raise SubjectError(f"{argv[0]} did not end in {timeout:g} s") from error

    def address(self) -> IPv4Address | None:
        """Its address on the bridge."""
        return self._address

    def pid(self) -> int:
        """Of the payload."""
        return self._running.pid

    def footprint(self) -> Footprint:
        """Of the payload; the launcher is shared by all containers and not counted."""
        found = footprint.measure(self.pid())
        return replace(found, disk=tree_bytes(Path(self._running.directory)))

    def save(self, directory: Path) -> None:  # noqa: ARG002 - nobody writes there
        """Not made."""
        raise Unsupported(unsaved("tarebox saves no running containers"))

    def stop(self) -> None:
        """Kill the payload."""
        self._running.stop(grace=0)

    def remove(self) -> None:
        """Remove the container and everything it had."""
        if self._container:
            self._container.remove()
        if self._network:
            self._network.networks.release(self._id)
        self._output.close()
        self.timeline.removed = self.timeline.removed or time.monotonic_ns()

    @property
    def _running(self) -> Container:
        assert self._container
        return self._container


class Tarebox:
    """The container this project is about."""

    name = "tarebox"
    kind = Kind.CONTAINER
    accelerator = None
    scenarios = None

    def __init__(self, lab: Lab) -> None:
        self._lab = lab
        self._roots: dict[str, Root] = {}

    def availability(self) -> Availability:
        """The kernel has what a container can't do without."""
        for name, ok, line in doctor(self._lab.state):
            if name in _NEEDED and not ok:
                return Availability(False, line)
        return Availability(True, version=metadata.version("tarebench"))

    def prepare(self, image: Image, *, fresh: bool = False) -> Prepared:
        """Unpack the layers; afresh into an empty storage. A mere directory is the lower layer as it is."""
        if not image.stored:
            return self._prepared(image, Root((image.rootfs,)))
        state = State.at(self._lab.directory(volatile=False)) if fresh else self._lab.state
        driver = registry.driver(state)
        chain = unpack_layers(ImageStore(self._lab.state).content, image.stored, driver)
        assert chain
        return self._prepared(image, driver.image(chain))

    def _prepared(self, image: Image, root: Root) -> Prepared:
        reference = str(root.lowers[0])
        self._roots[reference] = root
        return Prepared(image, reference)

    @contextmanager
    def pulled(self, image: Image, reference: str) -> Iterator[Prepared]:
        """As `tarebox pull` does, into an empty state."""
        with pulled_alone(self._lab, reference) as (state, stored):
            yield self._prepared(image, registry.driver(state).image(stored.layers[-1]))

    def start(self, spec: RunSpec) -> TareboxInstance:
        """Start a container whose writes go with it."""
        network = self._lab.network if spec.network else None
        return TareboxInstance(self._lab.engine, self._container(spec), network)

    def _container(self, spec: RunSpec) -> ContainerSpec:
        root = self._roots[spec.prepared.reference]
        return root.apply(container_spec(root.rootfs, spec, self._lab.volume(spec)))

    def sizes(self, image: Image) -> dict[str, int]:
        """Files and the compressed layers."""
        return container_sizes(image, self._lab.scratch)

    def added(self, image: Image) -> int:
        """Its own layer, packed and unpacked; all files of a mere directory."""
        second = self._lab.second(image).image
        if image.stored is None or second.stored is None:
            return tree_bytes(second.rootfs)
        driver = registry.driver(self._lab.state)
        chain = unpack_layers(ImageStore(self._lab.state).content, second.stored, driver)
        assert chain
        return second.stored.size - image.stored.size + driver.layer_bytes(chain)

    def makeup(self, spec: RunSpec) -> Makeup:
        """The command line that makes it, and the kernel it borrows."""
        network = "" if spec.network else "--network none "
        command = f"tarebox run --memory {spec.memory} --cpus {spec.cpus} {network}{spec.prepared.image.name}"
        return container_makeup(command, spec, self._lab.scratch)


def subjects(lab: Lab) -> Iterable[Tarebox]:
    """The one engine."""
    return [Tarebox(lab)]
