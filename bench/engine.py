"""Container engines with Docker's command line."""

import subprocess
import tempfile
from abc import ABC, abstractmethod
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from ipaddress import IPv4Address
from pathlib import Path

import psutil

from bench import footprint
from bench.archive import write_archive
from bench.foreground import ForegroundInstance
from bench.imported import new_name
from bench.lab import Lab
from bench.makeup import container_makeup
from bench.program import Program
from bench.sizes import container_sizes, tree_bytes
from bench.subject import Availability, Footprint, Image, Makeup, Prepared, RunSpec, SubjectError
from results import Kind

_PULL_TIMEOUT = 600.0
_ADDRESS = "{{range .NetworkSettings.Networks}}{{.IPAddress}}{{end}}"


class EngineInstance(ForegroundInstance):
    """One `run --rm`.

    Args:
        program: the engine.
        options: of `run`.
        spec: what is run.
        kill: the command that ends and removes a container, without its name.
        save: gives the arguments that save the container of a name in a directory; none without a command.
    """

    def __init__(
        self,
        program: Program,
        options: Sequence[str],
        spec: RunSpec,
        kill: tuple[str, ...],
        save: Callable[[str, Path], tuple[str, ...]] = lambda _name, _directory: (),
    ) -> None:
        self._removal = kill
        self._save = save
        payload = (*options, spec.prepared.reference, *spec.argv)
        super().__init__(
            program, lambda name, file: ("run", "--rm", "--name", name, "--cidfile", str(file), *payload)
        )

    def _exec(self, argv: tuple[str, ...]) -> tuple[str, ...]:
        return ("exec", "-i", self._name, *argv)

    def _kill(self) -> tuple[str, ...]:
        return (*self._removal, self._name)

    def _checkpoint(self, directory: Path) -> tuple[str, ...]:
        return self._save(self._name, directory)

    def _inspect(self, template: str, *, check: bool = True) -> str:
        done = self._program("inspect", "--format", template, self._name, check=check)
        return done.stdout.decode().strip()

    def address(self) -> IPv4Address | None:
        """Its address on the bridge, once it has been started."""
        text = self._inspect(_ADDRESS, check=False)
        return IPv4Address(text) if text else None

    def pid(self) -> int:
        """As the engine tells it."""
        return int(self._inspect("{{.State.Pid}}"))

    def footprint(self) -> Footprint:
        """Of the payload, its monitor and the waiting client; daemons are shared and not counted."""
        payload = self.pid()
        monitor = psutil.Process(payload).ppid()
        found = footprint.measure(payload, (monitor, self._command.process.pid))
        layer = self._inspect("{{.GraphDriver.Data.UpperDir}}", check=False)
        return replace(found, disk=tree_bytes(Path(layer)) if layer.startswith("/") else None)


class ContainerEngine(ABC):
    """A subject for one of them.

    Args:
        lab: the shared parts.
    """

    name: str
    kind = Kind.CONTAINER
    accelerator = None
    scenarios = None
    _removal: tuple[str, ...] = ("rm", "--force")
    _pull: tuple[str, ...] = ("pull", "--quiet")

    def __init__(self, lab: Lab) -> None:
        self._lab = lab
        self._imported: dict[Image, Prepared] = {}

    @property
    @abstractmethod
    def program(self) -> Program:
        """Whose commands these are; all that it needs is there then."""

    @abstractmethod
    def availability(self) -> Availability:
        """Usable here, or why not."""

    def prepare(self, image: Image, *, fresh: bool = False) -> Prepared:
        """`import` the files, once unless `fresh`."""
        if not fresh and image in self._imported:
            return self._imported[image]
        tag = new_name()
        program = self.program
        with subprocess.Popen(("tar", "-C", str(image.rootfs), "-c", "."), stdout=subprocess.PIPE) as tar:
            done = program("import", "-", tag, stdin=tar.stdout, timeout=None, check=False)
        if done.returncode or tar.returncode:
            raise SubjectError(f"{self.name} import of {image.name} failed: {done.stderr.decode().strip()}")
        prepared = self._imported[image] = Prepared(image, tag)
        return prepared

    @contextmanager
    def pulled(self, image: Image, reference: str) -> Iterator[Prepared]:
        """`pull`."""
        self.program(*self._pull, reference, timeout=_PULL_TIMEOUT)
        try:
            yield Prepared(image, reference)
        finally:
            self.program("rmi", "--force", reference)

    def start(self, spec: RunSpec) -> EngineInstance:
        """`run --rm` with the limits asked for."""
        options = (*self._options(spec), *self._private(spec))
        return EngineInstance(self.program, options, spec, self._removal, self._save)

    def _options(self, spec: RunSpec) -> tuple[str, ...]:
        """As a person writes them."""
        network = () if spec.network else ("--network", "none")
        env = (word for text in spec.env for word in ("--env", text))
        user = ("--user", spec.user) if spec.user else ()
        directory = ("--workdir", spec.directory) if spec.directory else ()
        source = self._lab.volume(spec)
        volume = ("--volume", f"{source}:{spec.volume}") if source else ()
        return (*self._limits(spec), *network, *env, *user, *directory, *volume)

    def _limits(self, spec: RunSpec) -> tuple[str, ...]:
        return ("--memory", str(spec.memory), "--cpus", str(spec.cpus), "--pids-limit", "512")

    def _private(self, spec: RunSpec) -> tuple[str, ...]:  # noqa: ARG002 - most need none
        """More options, which keep it to places of its own."""
        return ()

    def _save(self, name: str, directory: Path) -> tuple[str, ...]:  # noqa: ARG002 - some have none
        """Arguments of the command that saves a running container and ends it; none without one."""
        return ()

    def sizes(self, image: Image) -> dict[str, int]:
        """Files and the compressed layer."""
        return container_sizes(image, self._lab.scratch)

    @property
    @abstractmethod
    def _storage(self) -> Sequence[Path]:
        """The directories where it keeps images."""

    def added(self, image: Image) -> int:
        """By the growth of its storage when the second is loaded after the first."""
        with self._loaded(image.rootfs):
            before = self._stored()
            with self._loaded(image.rootfs, self._lab.second(image).layer):
                return self._stored() - before

    @contextmanager
    def _loaded(self, *layers: Path) -> Iterator[None]:
        """`load` an archive of directories, bottom first; the image goes when the block ends."""
        name = f"docker.io/{new_name()}"
        with tempfile.TemporaryDirectory(prefix="tare-", dir=self._lab.scratch) as place:
            archive = Path(place) / "image.tar"
            write_archive(layers, name, archive)
            with archive.open("rb") as file:
                self.program("load", stdin=file, timeout=None)
        try:
            yield
        finally:
            self.program("rmi", "--force", name)

    def _stored(self) -> int:
        return sum(tree_bytes(place) for place in self._storage)

    def makeup(self, spec: RunSpec) -> Makeup:
        """The command line that makes it."""
        words = (self.name, "run", *self._options(spec), spec.prepared.image.name)
        return container_makeup(" ".join(words), spec, self._lab.scratch)
