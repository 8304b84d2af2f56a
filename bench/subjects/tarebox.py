"""Our own container, through its library."""

import os
import time
from collections.abc import Iterable
from importlib import metadata
from ipaddress import IPv4Address
from pathlib import Path
from subprocess import CompletedProcess

from bench import footprint
from bench.lab import Lab
from bench.makeup import container_makeup
from bench.output import Output
from bench.sizes import container_sizes
from bench.subject import Availability, Footprint, Image, Makeup, Prepared, RunSpec, SubjectError, Timeline
from results import Kind
from runtime import ContainerSpec, Engine, Limits
from runtime.doctor import doctor

_NEEDED = ("privilege", "control groups", "filesystem overlay", "namespace pid", "namespace mnt")


class TareboxInstance:
    """One container of our engine."""

    def __init__(self, engine: Engine, spec: ContainerSpec) -> None:
        self._address = spec.interface.address.ip if spec.interface else None
        self.timeline = Timeline(started=0)
        read_end, write_end = os.pipe2(os.O_CLOEXEC)
        self._output = Output(read_end, "tarebox")
        try:
            self.timeline.started = time.monotonic_ns()
            self._container = engine.start(spec, stdout=write_end, stderr=write_end)
        except BaseException:
            self._output.close()
            raise
        finally:
            os.close(write_end)
        self.timeline.created = self._container.created_ns
        self.wait_output = self._output.wait_for

    def wait_ready(self, timeout: float) -> Timeline:
        """Wait for the first byte of output."""
        self.timeline.first_output = self._output.wait_first(timeout)
        return self.timeline

    def wait(self, timeout: float) -> int:
        """Exit status of the payload."""
        try:
            status = self._container.wait(timeout)
        except TimeoutError as error:
            raise SubjectError(f"tarebox did not end in {timeout:g} s") from error
        self.timeline.exited = self._container.exited_ns
        return status

    def exec(
        self, argv: tuple[str, ...], *, stdin: bytes | None = None, timeout: float | None = None
    ) -> CompletedProcess[bytes]:
        """Run a second command in all its namespaces and cgroups."""
        try:
            return self._container.exec(argv, stdin=stdin, timeout=timeout)
        except TimeoutError as error:
            raise SubjectError(f"{argv[0]} did not end in {timeout:g} s") from error

    def address(self) -> IPv4Address | None:
        """Its address on the bridge."""
        return self._address

    def footprint(self) -> Footprint:
        """Of the payload; the launcher is shared by all containers and counted by the slope alone."""
        return footprint.measure(self._container.pid)

    def stop(self) -> None:
        """Kill the payload."""
        self._container.stop(grace=0)

    def remove(self) -> None:
        """Remove the container and everything it had."""
        self._container.remove()
        self._output.close()
        self.timeline.removed = self.timeline.removed or time.monotonic_ns()


class Tarebox:
    """The container this project is about."""

    name = "tarebox"
    kind = Kind.CONTAINER
    accelerator = None

    def __init__(self, lab: Lab) -> None:
        self._lab = lab

    def availability(self) -> Availability:
        """The kernel has what a container can't do without."""
        for name, ok, line in doctor(self._lab.state):
            if name in _NEEDED and not ok:
                return Availability(False, line)
        return Availability(True, version=metadata.version("tarebench"))

    def prepare(self, image: Image, *, fresh: bool = False) -> Prepared:  # noqa: ARG002 - nothing to convert
        """The directory is the lower layer of every container's overlay."""
        return Prepared(image, str(image.rootfs))

    def start(self, spec: RunSpec) -> TareboxInstance:
        """Start a container."""
        return TareboxInstance(self._lab.engine, self._container(spec))

    def _container(self, spec: RunSpec) -> ContainerSpec:
        return ContainerSpec(
            rootfs=Path(spec.prepared.reference),
            argv=spec.argv,
            limits=Limits(memory=spec.memory, cpus=float(spec.cpus), pids=512),
            on_disk=True,
            interface=self._lab.bridge.interface() if spec.network else None,
        )

    def sizes(self, image: Image) -> dict[str, int]:
        """Files and the compressed layer."""
        return container_sizes(image)

    def makeup(self, spec: RunSpec) -> Makeup:
        """The command line that makes it, and the kernel it borrows."""
        command = f"tarebox run --memory {spec.memory} --cpus {spec.cpus} {spec.prepared.image.name}"
        return container_makeup(command, spec)


def subjects(lab: Lab) -> Iterable[Tarebox]:
    """The one engine."""
    return [Tarebox(lab)]
