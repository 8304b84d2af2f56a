"""Any OCI runtime by its command line (runc's commands, as the OCI runtime-spec's CLI practice has them)."""

from concurrent.futures import Executor
from dataclasses import replace
from functools import cached_property
from pathlib import Path

from bench import footprint
from bench.availability import installed, with_mounts
from bench.container import container_spec
from bench.copied import CopiedRoot
from bench.foreground import ForegroundInstance
from bench.lab import Lab
from bench.makeup import container_makeup
from bench.mounts import hybrid_hierarchy, without_unified_cgroup
from bench.program import Program
from bench.subject import Availability, Footprint, Makeup, RunSpec, Unsupported
from runtime.bundle import write_bundle

_CGROUP = "tare-cgroup"
"""In a bundle's text, the place of what only an instance knows."""


class OciInstance(ForegroundInstance):
    """One `run` of the runtime in the foreground, of a bundle of its own.

    Args:
        program: the runtime.
        config: the bundle's config.json.
        parent: the control group that the container's is below.
    """

    def __init__(self, program: Program, config: str, parent: str) -> None:
        def arguments(name: str, file: Path) -> tuple[str, ...]:
            (file.parent / "config.json").write_text(config.replace(_CGROUP, f"/{parent}/{name}"))
            return ("run", "--bundle", str(file.parent), "--pid-file", str(file), name)

        super().__init__(program, arguments)

    def _exec(self, argv: tuple[str, ...]) -> tuple[str, ...]:
        return ("exec", self._name, *argv)

    def _kill(self) -> tuple[str, ...]:
        return ("delete", "--force", self._name)

    def _checkpoint(self, directory: Path) -> tuple[str, ...]:
        places = ("--image-path", str(directory), "--work-path", str(directory))
        return ("checkpoint", *places, self._name)

    def pid(self) -> int:
        """As the runtime wrote it down."""
        return int(self._file.read_text())

    def footprint(self) -> Footprint:
        """Of the payload; the waiting foreground process counts as its manager, the bundle as its files."""
        found = footprint.measure(self.pid(), (self._command.process.pid,))
        return replace(found, disk=self._written)


class OciRuntime(CopiedRoot):
    """A subject for one OCI runtime.

    Args:
        lab: the shared parts.
        name: the subject's.
        path: the program, looked for on PATH when it has no slash; the name when empty.
        unified: whether it starts where a v2 cgroup tree is mounted beside v1 hierarchies.
    """

    def __init__(self, lab: Lab, name: str, path: str = "", *, unified: bool = False) -> None:
        super().__init__(lab, name)
        self._path = path or name
        self._unified = unified
        self._configs: dict[RunSpec, str] = {}

    def availability(self) -> Availability:
        """Found, answers --version, and has the view of control groups that it needs."""
        found = installed(self._path, version=(self._path, "--version"), prefix="")
        found = with_mounts(found, lambda: self._executor)
        return replace(found, version=found.version.rpartition(" version ")[2])

    @cached_property
    def _executor(self) -> Executor | None:
        if self._unified or not hybrid_hierarchy():
            return None
        return self._lab.hold(without_unified_cgroup())

    @cached_property
    def program(self) -> Program:
        """The runtime, with a directory for its containers' states."""
        peer = self._lab.hold(self._peer)
        command = (self._path, "--root", str(peer.run / "root"))
        return Program(self.name, command, peer.run, self._executor)

    def start(self, spec: RunSpec) -> OciInstance:
        """`run` a bundle; it is written before the start that is timed."""
        if spec.network:
            raise Unsupported(f"{self.name} makes no network; its caller has to")
        return OciInstance(self.program, self._config(spec), self._peer.cgroup)

    def _config(self, spec: RunSpec) -> str:
        if spec not in self._configs:
            container = container_spec(Path(spec.prepared.reference), spec, self._lab.volume(spec))
            path = write_bundle(container, self._lab.directory(), cgroups_path=_CGROUP)
            self._configs[spec] = path.read_text()
        return self._configs[spec]

    def makeup(self, spec: RunSpec) -> Makeup:
        """The command, and the config.json it needs."""
        return container_makeup(f"{self._config(spec)}\n{self.name} run", spec, self._lab.scratch)
