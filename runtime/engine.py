# ruff: noqa: PTH101, PTH102, PTH112, PTH116 - plain strings and descriptors, as in system calls
"""The engine: starts containers through one launcher process, from any thread."""

import os
import threading
from collections.abc import Sequence
from contextlib import closing
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING, Any, Protocol, Self

from runtime import plan, wire
from runtime.cgroups import detect
from runtime.cgroups.protocol import Driver
from runtime.container import Container
from runtime.errors import EngineError
from runtime.launching import Launched, launch
from runtime.light import socket
from runtime.process import Detached, Process
from runtime.spec import ContainerSpec, Namespace
from runtime.tenancy import Tenancy
from runtime.veth import Links
from tare.errors import ImageError, PrivilegeError, TareError
from tare.state import PREFIX, State

if TYPE_CHECKING:
    from runtime.cgroups.hierarchy import Shown
    from runtime.monitor.parent import Watch
    from runtime.running import Runs

_KEPT_PLANS = 64


class Joined(Protocol):
    """Control groups to join; see runtime.cgroups.protocol.Group."""

    join: tuple[str, ...]
    unified: str

    @property
    def shown(self) -> "Shown":
        """Groups that the container sees."""


class Engine:
    """Starts and owns containers; a context that ends all of them.

    The launcher is a small process of its own, so that containers are cloned from few pages and never from a
    process with threads. When this process ends in whatever way, the launcher ends its containers and removes
    what they left.

    Args:
        state: where the containers' directories are, and the tag their kernel objects carry.
        launched: the launcher, started before; a new one when None.

    Raises:
        PrivilegeError: the caller is not root.
    """

    def __init__(self, state: State, launched: Launched | None = None) -> None:
        if os.geteuid() != 0:
            raise PrivilegeError("containers need root on this host", "run with sudo")
        self.name = PREFIX + state.tag
        self._containers = str(state.directory("containers"))
        self._cache = state.directory("cache")
        self._control, self._launcher = launched or launch(state)
        self._driver: Driver = detect.driver(self.name)
        try:
            self._tenancy = Tenancy(
                state.directory(volatile=True), prepare=self._driver.prepare, remove=self._driver.close
            )
        except BaseException:
            self._control.close()
            self._launcher.wait()
            raise
        self._links = Links()
        self._lock = threading.Lock()
        self._started: set[Container] = set()
        self._plans: dict[ContainerSpec, bytes] = {}
        self._state = state
        self._runs: Runs | None = None

    def start(
        self,
        spec: ContainerSpec,
        *,
        stdin: int | None = None,
        stdout: int | None = None,
        stderr: int | None = None,
    ) -> Container:
        """Start a container; returns at once, and what goes wrong on its way up is raised by its wait.

        Args:
            spec: the container.
            stdin: descriptor to become its standard input; this process's own when None. Likewise the other
                two.

        Raises:
            ImageError: no such image directory.
            CgroupError: no write access to control groups, or a limit the kernel refuses.
            EngineError: the launcher is gone.
        """
        if self._control.fileno() < 0:
            raise EngineError("the engine is closed, and its launcher gone", "start a new engine")
        if not os.path.isdir(spec.rootfs):
            raise ImageError(
                f"no image directory {spec.rootfs}", "name an existing root filesystem directory"
            )
        if Namespace.PID not in spec.namespaces or spec.devices or spec.privileged:
            raise EngineError("only a persistent container shares processes or devices", "use Containers")
        name = f"{self.name}-{os.urandom(4).hex()}"
        steps = self._steps(spec)
        group = self._driver.create(name, spec.limits)
        directory = f"{self._containers}/{name}"
        request = (
            "start",
            name,
            plan.clone_flags(spec),
            group.unified,
            directory,
            group.paths,
            group.join,
            group.shown,
            steps,
        )
        container = Container(name, spec, self, group, directory)
        with self._lock:
            self._started.add(container)
        try:
            self.request(container, request, (stdin, stdout, stderr))
            if spec.mappings and spec.on_disk:
                make_scratch(directory, spec)
            container.link = self._connect(container, spec, name)
        except BaseException:
            container.remove()
            raise
        return container

    def run(self, image: str, argv: Sequence[str] = (), **options: Any) -> int:
        """Run a command of an image to its end and remove all of it; see runtime.running.Runs.run.

        Raises:
            TareError: it could not be started.
        """
        if self._runs is None:
            from runtime.running import Runs

            self._runs = Runs(self, self._state)
        return self._runs.run(image, argv, **options)

    def detach(
        self,
        spec: ContainerSpec,
        name: str,
        *,
        directory: str,
        groups: Joined,
        watch: "Watch",
        lock: int,
        client: int = -1,
    ) -> None:
        """Start a container that outlives this process under a monitor; returns once its command runs.

        Args:
            spec: the container.
            name: what its root mount is called.
            directory: of its writable layer, as `make_scratch` makes it.
            groups: control groups that are there.
            watch: see runtime.monitor.parent.
            lock: descriptor of a lock that has to be held until the container is on record, whatever becomes
                of this process.
            client: descriptor of a socket that gets all output, and whose other end gives input; see
                runtime/monitor/attach.c. None when negative.

        Raises:
            TareError: a step of the start failed; the monitor records the end of what was cloned by then.
        """
        request = (
            "detach",
            name,
            plan.clone_flags(spec),
            groups.unified,
            directory,
            groups.join,
            groups.shown,
            plan.start(spec, unified=self._driver.unified, cache=self._cache),
            watch,
            next((path for kind, path in spec.joined if kind is Namespace.PID), ""),
        )
        process = Detached()
        try:
            self._send(process, request, (lock,) if client < 0 else (lock, client))
            self._connect(process, spec, name)
            process.await_command()
        finally:
            process.close()

    def exec(
        self,
        spec: ContainerSpec,
        pidfd: int,
        groups: Joined,
        stdio: Sequence[int | None],
        *,
        terminal: tuple[int, int] | None = None,
    ) -> Process:
        """Run another command in a running container.

        Args:
            spec: the container's, with the command's own argv, env, cwd, uid and gid.
            pidfd: of the container's first process.
            groups: the container's control groups.
            stdio: descriptors, own for None.
            terminal: rows and columns of a terminal in place of stdio.

        Raises:
            EngineError: the launcher is gone.
        """
        process = Process()
        self.request(process, self._joining(spec, groups, None, terminal), stdio, (pidfd,))
        return process

    def exec_detached(
        self, spec: ContainerSpec, pidfd: int, groups: Joined, *, null: int, reaper: str
    ) -> None:
        """As `exec`, but it outlives this process and nobody learns how it ends; returns once it runs.

        Args:
            spec: as in `exec`; likewise the next two.
            pidfd: of the container's first process.
            groups: the container's control groups.
            null: descriptor that becomes standard input, output and error.
            reaper: a static program that waits for the process whose id it gets after the word `reap`; the
                launcher's code waits when empty.

        Raises:
            TareError: it can't be run.
        """
        process = Detached()
        try:
            self.request(process, self._joining(spec, groups, reaper, None), (null,) * 3, (pidfd,))
            process.await_command()
        finally:
            process.close()

    def _joining(
        self, spec: ContainerSpec, groups: Joined, reaper: str | None, terminal: tuple[int, int] | None
    ) -> tuple[object, ...]:
        flags, steps = plan.all_flags(spec), self.exec_steps(spec)
        return ("exec", flags, groups.unified, groups.join, steps, reaper, terminal)

    def request(
        self,
        process: Process,
        message: tuple[object, ...],
        stdio: Sequence[int | None],
        extra: Sequence[int] = (),
    ) -> None:
        """Ask the launcher for a process with stdio, own for None, and more descriptors.

        Raises:
            EngineError: the launcher is gone.
        """
        standard = [number if given is None else given for number, given in enumerate(stdio)]
        self._send(process, message, (*standard, *extra))

    def _send(self, process: Process, message: tuple[object, ...], descriptors: Sequence[int]) -> None:
        if self._control.fileno() < 0:
            raise EngineError("the engine is closed, and its launcher gone", "start a new engine")
        # Packets: one system call gets a message, and an interrupt leaves none half read.
        ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        process.attach(ours)
        with closing(theirs):
            try:
                with self._lock:
                    wire.send(self._control, message, (theirs.fileno(), *descriptors))
            except OSError as error:
                raise EngineError("the launcher process is gone", "start a new engine") from error

    def exec_steps(self, spec: ContainerSpec) -> bytes:
        """The plan for another command in a running container."""
        return plan.execute(spec, cache=self._cache)

    def _connect(self, process: Process, spec: ContainerSpec, name: str) -> str:
        """Make what the process waits for and only the host can; the name of its link, empty without one."""
        try:
            return self._provide(process, spec, name)
        except (OSError, TareError):
            # That it has failed says more than that it is gone.
            process.give_up()
            raise

    def _provide(self, process: Process, spec: ContainerSpec, name: str) -> str:
        link = ""
        if spec.mappings:
            _map_ids(process.pid, spec)
            process.go()
        if spec.interface:
            link = self._links.add(spec.interface, process.pid, name)
            process.go()
        return link

    def forget(self, container: Container) -> None:
        """Drop a removed container, and its link."""
        with self._lock:
            self._started.discard(container)
        if container.link:
            self._links.remove(container.link)

    def close(self) -> None:
        """Remove all containers and end the launcher."""
        for container in list(self._started):
            container.remove()
        self._control.close()
        self._launcher.wait()
        self._tenancy.leave()
        self._links.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, value: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def _steps(self, spec: ContainerSpec) -> bytes:
        steps = self._plans.get(spec)
        if steps is None:
            if len(self._plans) >= _KEPT_PLANS:
                # Each container of a network has a specification of its own.
                self._plans.clear()
            steps = self._plans[spec] = plan.start(spec, unified=self._driver.unified, cache=self._cache)
        return steps


def make_scratch(directory: str, spec: ContainerSpec) -> None:
    """Make the directory of a writable layer, owned by the user that is root inside."""
    mode = os.stat((*spec.layers, spec.rootfs)[0]).st_mode & 0o7777
    for path, permissions in ((directory, 0o700), (f"{directory}/upper", mode), (f"{directory}/work", 0o700)):
        os.mkdir(path)
        os.chmod(path, permissions)
        os.chown(path, *spec.root_owner)


def _map_ids(pid: int, spec: ContainerSpec) -> None:
    if Namespace.USER not in spec.namespaces:
        return
    text = "".join(f"{ids.inside} {ids.outside} {ids.count}\n" for ids in spec.mappings)
    for name in ("gid_map", "uid_map"):
        try:
            Path(f"/proc/{pid}/{name}").write_text(text)
        except OSError as error:
            raise EngineError(
                f"the kernel refuses the id mapping: {error.strerror}", "see user_namespaces(7)"
            ) from error
