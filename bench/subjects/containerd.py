"""containerd of our own, on a private socket and data root, driven by its command `ctr`."""

import tempfile
from collections.abc import Iterable, Iterator
from contextlib import AbstractContextManager, contextmanager
from dataclasses import replace
from functools import cached_property
from pathlib import Path

import psutil

from bench import footprint
from bench.archive import write_archive
from bench.availability import installed
from bench.daemon import daemon
from bench.foreground import ForegroundInstance
from bench.imported import new_name
from bench.lab import Lab
from bench.makeup import container_makeup
from bench.peer import Peer
from bench.program import Program
from bench.sizes import container_sizes, tree_bytes
from bench.subject import Availability, Footprint, Image, Makeup, Prepared, RunSpec, Unsupported
from results import Kind

_CONFIG = """\
version = 2
root = "{data}"
state = "{run}/state"
# They write to directories of the host's.
disabled_plugins = ["io.containerd.grpc.v1.cri", "io.containerd.internal.v1.opt"]
[grpc]
address = "{socket}"
"""


class ContainerdInstance(ForegroundInstance):
    """One `ctr run --rm`."""

    def __init__(self, program: Program, options: tuple[str, ...], parent: str, spec: RunSpec) -> None:
        def arguments(name: str, file: Path) -> tuple[str, ...]:
            places = ("--runc-root", str(file.parent / "runc"), "--fifo-dir", str(file.parent))
            group = ("--cgroup", f"/{parent}/{name}", "--pid-file", str(file))
            return ("run", "--rm", *places, *group, *options, spec.prepared.reference, name, *spec.argv)

        super().__init__(program, arguments)
        self._execs = 0

    def _exec(self, argv: tuple[str, ...]) -> tuple[str, ...]:
        self._execs += 1
        places = ("--fifo-dir", self._scratch.name, "--exec-id", f"exec{self._execs}")
        return ("tasks", "exec", *places, self._name, *argv)

    def _kill(self) -> tuple[str, ...]:
        return ("tasks", "kill", "--signal", "SIGKILL", self._name)

    def _checkpoint(self, directory: Path) -> tuple[str, ...]:
        return ("tasks", "checkpoint", "--exit", "--image-path", str(directory), self._name)

    def pid(self) -> int:
        """As the client wrote it down."""
        return int(self._file.read_text())

    def footprint(self) -> Footprint:
        """Of the payload, its shim and the waiting client; the daemon is shared and not counted."""
        payload = self.pid()
        found = footprint.measure(payload, (psutil.Process(payload).ppid(), self._command.process.pid))
        snapshot = footprint.upper_directory(payload)
        return replace(found, disk=tree_bytes(snapshot) if snapshot else None)


class Containerd:
    """containerd as a subject; it starts when it is first needed and ends with the lab."""

    name = "containerd"
    kind = Kind.CONTAINER
    accelerator = None
    scenarios = None

    def __init__(self, lab: Lab) -> None:
        self._lab = lab
        self._peer = Peer(lab.state, self.name)
        self._loaded: dict[Image, Prepared] = {}

    def availability(self) -> Availability:
        """Daemon, client and the runtime of its shim are installed."""
        version = ("containerd", "--version")
        return installed(
            "containerd",
            "ctr",
            "runc",
            version=version,
            prefix="containerd github.com/containerd/containerd ",
        )

    @cached_property
    def program(self) -> Program:
        """The client; the daemon is there then."""
        return self._lab.hold(_containerd(self._peer))

    def prepare(self, image: Image, *, fresh: bool = False) -> Prepared:
        """Pack the files and `ctr images import` them, once unless `fresh`."""
        if fresh or image not in self._loaded:
            self._loaded[image] = Prepared(image, self._import(image.rootfs))
        return self._loaded[image]

    def _import(self, *layers: Path) -> str:
        """`ctr images import` an archive of directories, bottom first; what the image is called."""
        name = f"docker.io/{new_name()}"
        program = self.program
        with tempfile.TemporaryDirectory(prefix="tare-", dir=self._lab.scratch) as place:
            archive = Path(place) / "image.tar"
            write_archive(layers, name, archive)
            program("images", "import", str(archive), timeout=None)
        return name

    def pulled(self, image: Image, reference: str) -> AbstractContextManager[Prepared]:
        """For nothing, as a registry's image is deployed over a network."""
        raise Unsupported(f"ctr makes no network for {image.name} from {reference}; its caller has to")

    def start(self, spec: RunSpec) -> ContainerdInstance:
        """`ctr run --rm` with the limits that it knows."""
        if spec.network:
            raise Unsupported("ctr makes no network; its caller has to")
        if spec.user:
            raise Unsupported("ctr takes no user for a container")
        return ContainerdInstance(self.program, self._options(spec), self._peer.cgroup, spec)

    def _options(self, spec: RunSpec) -> tuple[str, ...]:
        limits = ("--memory-limit", str(spec.memory), "--cpus", str(spec.cpus), "--seccomp")
        env = (word for text in spec.env for word in ("--env", text))
        directory = ("--cwd", spec.directory) if spec.directory else ()
        source = self._lab.volume(spec)
        volume = f"type=bind,src={source},dst={spec.volume},options=rbind:rw"
        return (*limits, *env, *directory, *(("--mount", volume) if source else ()))

    def sizes(self, image: Image) -> dict[str, int]:
        """Files and the compressed layer."""
        return container_sizes(image, self._lab.scratch)

    def added(self, image: Image) -> int:
        """By the growth of its directory: it keeps a layer packed and unpacked."""
        self.prepare(image)
        before = tree_bytes(self._peer.data)
        name = self._import(image.rootfs, self._lab.second(image).layer)
        try:
            return tree_bytes(self._peer.data) - before
        finally:
            self.program("images", "rm", "--sync", name)

    def makeup(self, spec: RunSpec) -> Makeup:
        """The command line that makes it."""
        words = ("ctr run", *self._options(spec), spec.prepared.image.name)
        return container_makeup(" ".join(words), spec, self._lab.scratch)


@contextmanager
def _containerd(peer: Peer) -> Iterator[Program]:
    """Runs containerd; yields its client."""
    socket = peer.run / "containerd.sock"
    config = peer.run / "config.toml"
    text = _CONFIG.format(data=peer.data, run=peer.run, socket=socket)
    strangers = ("/run/containerd/s", "/run/containerd/fifo", "/run/containerd")
    with peer:
        config.write_text(text)
        with daemon(peer, ("containerd", "--config", str(config)), socket, strangers):
            yield Program("containerd", ("ctr", "--address", str(socket)), peer.run)


def subjects(lab: Lab) -> Iterable[Containerd]:
    """The containerd on PATH."""
    return [Containerd(lab)]
