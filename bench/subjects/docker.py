"""Docker: a dockerd of our own on a private socket and data root, driven by the docker command."""

import shutil
import subprocess
import tempfile
import uuid
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager, suppress
from functools import cached_property
from ipaddress import IPv4Address
from pathlib import Path
from subprocess import CompletedProcess

import psutil
from inotify_simple import INotify, flags

from bench import footprint
from bench.command import Command, run
from bench.lab import Lab
from bench.makeup import container_makeup
from bench.sizes import container_sizes
from bench.subject import Availability, Footprint, Image, Makeup, Prepared, RunSpec, SubjectError
from results import Kind

_START_TIMEOUT = 30.0
_DAEMON_DIRECTORIES = tuple(
    map(Path, ("/run/containerd/s", "/run/containerd", "/run/docker/plugins", "/run/docker"))
)


class DockerInstance:
    """One `docker run` in the foreground."""

    def __init__(self, docker: tuple[str, ...], options: tuple[str, ...], spec: RunSpec) -> None:
        self._docker = docker
        self._name = f"tare-{uuid.uuid4().hex[:12]}"
        self._scratch = tempfile.TemporaryDirectory(prefix="tare-")
        cid_file = Path(self._scratch.name) / "cid"
        argv = (*docker, "run", "--rm", "--name", self._name, "--cidfile", str(cid_file), *options)
        self._command = Command((*argv, spec.prepared.reference, *spec.argv), "docker", appears=cid_file)
        self.timeline = self._command.timeline
        self.wait_ready = self._command.wait_ready
        self.wait_output = self._command.wait_output

    def wait(self, timeout: float) -> int:
        """Exit status; `--rm` has removed the container by then."""
        status = self._command.wait(timeout)
        self.timeline.removed = self.timeline.exited
        return status

    def exec(
        self, argv: tuple[str, ...], *, stdin: bytes | None = None, timeout: float | None = None
    ) -> CompletedProcess[bytes]:
        """`docker exec`."""
        command = (*self._docker, "exec", "-i", self._name, *argv)
        return run(command, "docker", stdin=stdin, timeout=timeout, check=False)

    def _inspect(self, template: str) -> str:
        done = run((*self._docker, "inspect", "--format", template, self._name), "docker")
        return done.stdout.decode().strip()

    def address(self) -> IPv4Address | None:
        """Its address on the bridge."""
        text = self._inspect("{{.NetworkSettings.IPAddress}}")
        return IPv4Address(text) if text else None

    def footprint(self) -> Footprint:
        """Of the payload, its shim and the waiting client; the daemons are shared and not counted."""
        payload = int(self._inspect("{{.State.Pid}}"))
        shim = psutil.Process(payload).ppid()
        return footprint.measure(payload, (shim, self._command.process.pid))

    def stop(self) -> None:
        """Kill the container and wait for the client to end."""
        if self.timeline.exited is None:
            run((*self._docker, "rm", "--force", self._name), "docker", check=False)
            self.wait(20)

    def remove(self) -> None:
        """Stop it when it still runs, and forget its files."""
        try:
            self.stop()
        finally:
            self._command.close()
            self._scratch.cleanup()


class Docker:
    """Docker as a subject; its daemon starts when it is first needed and ends with the lab."""

    name = "docker"
    kind = Kind.CONTAINER
    accelerator = None

    def __init__(self, lab: Lab) -> None:
        self._lab = lab

    def availability(self) -> Availability:
        """Both the client and the daemon are installed."""
        for program in ("docker", "dockerd", "containerd"):
            if shutil.which(program) is None:
                return Availability(False, f"{program} is not installed")
        try:
            version = run(("dockerd", "--version"), "docker").stdout.decode()
        except SubjectError as error:
            return Availability(False, str(error))
        return Availability(True, version=version.removeprefix("Docker version ").strip())

    @cached_property
    def command(self) -> tuple[str, ...]:
        """What its commands begin with; the daemon is there then."""
        socket = self._lab.hold(_daemon(self._lab))
        return ("docker", "--host", f"unix://{socket}")

    def prepare(self, image: Image, *, fresh: bool = False) -> Prepared:
        """`docker import` of the files."""
        tag = f"{image.name}:{uuid.uuid4().hex[:8] if fresh else 'tare'}"
        tar = subprocess.Popen(("tar", "-C", str(image.rootfs), "-c", "."), stdout=subprocess.PIPE)
        with tar:
            done = subprocess.run(
                (*self.command, "import", "-", tag), stdin=tar.stdout, capture_output=True, check=False
            )
        if done.returncode or tar.returncode:
            raise SubjectError(f"docker import of {image.name} failed: {done.stderr.decode().strip()}")
        return Prepared(image, tag)

    def start(self, spec: RunSpec) -> DockerInstance:
        """`docker run --rm` with the limits asked for."""
        return DockerInstance(self.command, self._options(spec), spec)

    def _options(self, spec: RunSpec) -> tuple[str, ...]:
        network = () if spec.network else ("--network", "none")
        return ("--memory", str(spec.memory), "--cpus", str(spec.cpus), "--pids-limit", "512", *network)

    def sizes(self, image: Image) -> dict[str, int]:
        """Files and the compressed layer."""
        return container_sizes(image)

    def makeup(self, spec: RunSpec) -> Makeup:
        """The command line that makes it."""
        return container_makeup(
            " ".join(("docker run", *self._options(spec), spec.prepared.image.name)), spec
        )


@contextmanager
def _daemon(lab: Lab) -> Iterator[Path]:
    """Runs dockerd on our bridge, without touching the host's firewall; yields its socket."""
    runtime = lab.state.directory("docker", volatile=True)
    data = lab.state.directory("docker")
    socket = runtime / "docker.sock"
    network = lab.network
    cgroup = f"tarebench-{lab.state.tag}-docker"
    upper_half = list(network.subnet.subnets(prefixlen_diff=1))[1]
    argv = (
        *("setpriv", "--pdeathsig", "TERM", "dockerd", "--host", f"unix://{socket}"),
        *("--data-root", str(data), "--exec-root", str(runtime / "exec"), "--pidfile", str(runtime / "pid")),
        *("--bridge", network.link, "--fixed-cidr", str(upper_half)),
        *("--iptables=false", "--ip6tables=false", "--ip-masq=false", "--ip-forward=false"),
        "--userland-proxy=false",
        *("--cgroup-parent", f"/{cgroup}", "--exec-opt", "native.cgroupdriver=cgroupfs"),
    )
    strangers = [path for path in _DAEMON_DIRECTORIES if not path.exists()]
    with (runtime / "dockerd.log").open("wb") as log, INotify(inheritable=False) as inotify:
        inotify.add_watch(runtime, flags.CREATE)
        daemon = subprocess.Popen(argv, stdin=subprocess.DEVNULL, stdout=log, stderr=log)
        try:
            _await(inotify, socket.name, daemon.poll)
            run(("docker", "--host", f"unix://{socket}", "version"), "docker", timeout=_START_TIMEOUT)
            yield socket
        finally:
            daemon.terminate()
            daemon.wait()
            # Where mounts are shared, dockerd mounts its data root onto itself and leaves that behind.
            run(("umount", str(data)), "docker", check=False)
            shutil.rmtree(data, ignore_errors=True)
            shutil.rmtree(runtime, ignore_errors=True)
            for path in (*Path("/sys/fs/cgroup").glob(f"*/{cgroup}"), *strangers):
                with suppress(OSError):
                    path.rmdir()


def _await(inotify: INotify, name: str, ended: Callable[[], int | None]) -> None:
    while True:
        events = inotify.read(timeout=int(_START_TIMEOUT * 1000))
        if any(event.name == name for event in events):
            return
        if not events or ended() is not None:
            raise SubjectError("dockerd did not start", "see dockerd.log in the state's run directory")


def subjects(lab: Lab) -> Iterable[Docker]:
    """The docker on PATH."""
    return [Docker(lab)]
