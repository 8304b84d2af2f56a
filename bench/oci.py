"""Any OCI runtime by its command line (runc's commands, as the OCI runtime-spec's CLI practice has them)."""

import shutil
import tempfile
import uuid
from concurrent.futures import Executor
from ipaddress import IPv4Address
from pathlib import Path
from subprocess import CompletedProcess

from bench import footprint
from bench.command import Command, run
from bench.lab import Lab
from bench.makeup import container_makeup
from bench.sizes import container_sizes
from bench.subject import (
    Availability,
    Footprint,
    Image,
    Makeup,
    Prepared,
    RunSpec,
    SubjectError,
    Unsupported,
)
from results import Kind
from runtime import ContainerSpec, Limits
from runtime.bundle import write_bundle


class OciInstance:
    """One `run` of the runtime in the foreground: it ends with its payload and removes the container."""

    def __init__(self, runtime: tuple[str, ...], name: str, bundle: Path, executor: Executor | None) -> None:
        self._runtime = runtime
        self._name = name
        self._executor = executor
        self._id = f"tare-{uuid.uuid4().hex[:12]}"
        self._scratch = tempfile.TemporaryDirectory(prefix="tare-")
        self._pid_file = Path(self._scratch.name) / "pid"
        argv = (*runtime, "run", "--bundle", str(bundle), "--pid-file", str(self._pid_file), self._id)
        self._command = Command(argv, name, appears=self._pid_file, executor=executor)
        self.timeline = self._command.timeline
        self.wait_ready = self._command.wait_ready
        self.wait_output = self._command.wait_output

    def wait(self, timeout: float) -> int:
        """Exit status; `run` has removed the container by then."""
        status = self._command.wait(timeout)
        self.timeline.removed = self.timeline.exited
        return status

    def exec(
        self, argv: tuple[str, ...], *, stdin: bytes | None = None, timeout: float | None = None
    ) -> CompletedProcess[bytes]:
        """The runtime's own exec command."""
        command = (*self._runtime, "exec", self._id, *argv)
        return run(command, self._name, executor=self._executor, stdin=stdin, timeout=timeout, check=False)

    def address(self) -> IPv4Address | None:
        """An OCI runtime makes no network."""
        return None

    def footprint(self) -> Footprint:
        """Of the payload; the waiting foreground process counts as its manager."""
        return footprint.measure(int(self._pid_file.read_text()), (self._command.process.pid,))

    def stop(self) -> None:
        """Kill the container and wait for the runtime to end."""
        if self.timeline.exited is None:
            command = (*self._runtime, "delete", "--force", self._id)
            run(command, self._name, executor=self._executor, check=False)
            self.wait(10)

    def remove(self) -> None:
        """Stop it when it still runs, and forget its files."""
        try:
            self.stop()
        finally:
            self._command.close()
            self._scratch.cleanup()


class OciRuntime:
    """A subject for one OCI runtime.

    Args:
        lab: the shared parts.
        name: the subject's name and the program to look for.
        executor: where its commands are spawned, or None for here.
    """

    kind = Kind.CONTAINER
    accelerator = None

    def __init__(self, lab: Lab, name: str, executor: Executor | None = None) -> None:
        self.name = name
        self._lab = lab
        self._executor = executor
        self._bundles: dict[RunSpec, Path] = {}

    def availability(self) -> Availability:
        """Found on PATH and answers --version."""
        if shutil.which(self.name) is None:
            return Availability(False, f"{self.name} is not installed")
        try:
            first_line = run((self.name, "--version"), self.name).stdout.decode().splitlines()[0]
        except SubjectError as error:
            return Availability(False, str(error))
        return Availability(True, version=first_line.removeprefix(f"{self.name} version ").strip())

    def prepare(self, image: Image, *, fresh: bool = False) -> Prepared:  # noqa: ARG002 - the copy stays as it is
        """A copy of the files is the bundle's root, without a copy-on-write layer."""
        return Prepared(image, str(self._lab.copy(image)))

    def start(self, spec: RunSpec) -> OciInstance:
        """`run` the bundle; the bundle is written once per spec and not part of a start."""
        if spec.network:
            raise Unsupported(f"{self.name} makes no network; its caller has to")
        bundle = self._bundles.get(spec) or self._write(spec)
        return OciInstance(
            (self.name, "--root", str(bundle.parent / "root")), self.name, bundle, self._executor
        )

    def _write(self, spec: RunSpec) -> Path:
        bundle = self._lab.directory() / "bundle"
        bundle.mkdir()
        limits = Limits(memory=spec.memory, cpus=float(spec.cpus), pids=512)
        container = ContainerSpec(rootfs=Path(spec.prepared.reference), argv=spec.argv, limits=limits)
        write_bundle(container, bundle)
        self._bundles[spec] = bundle
        return bundle

    def sizes(self, image: Image) -> dict[str, int]:
        """Files and the compressed layer."""
        return container_sizes(image)

    def makeup(self, spec: RunSpec) -> Makeup:
        """The command, and the config.json it needs."""
        bundle = self._bundles.get(spec) or self._write(spec)
        return container_makeup((bundle / "config.json").read_text() + f"\n{self.name} run", spec)
