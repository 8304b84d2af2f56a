"""The runtime under test as a fixture: `tarebox-oci`, or the program that TAREBENCH_TEST_RUNTIME names."""

import json
import os
import select
import signal
import socket
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import IO, Any

import pytest
from leftovers import leftovers
from oci_bundle import READY, Bundle, Json, sane
from oci_socket import bind

from runtime import bootstrap_busybox
from tare.state import PREFIX, State

TIMEOUT = 20

Completed = subprocess.CompletedProcess[str]


@dataclass
class Oci:
    """Calls a runtime with a state directory of its own and knows the containers it was asked for.

    A container inherits the standard streams of `create`; they are files here, as a pipe would only end
    with the container.
    """

    program: str
    root: Path
    name: str
    asked: set[str] = field(default_factory=set)

    def command(self, *arguments: str) -> list[str]:
        return [self.program, "--root", str(self.root), *arguments]

    def run(self, *arguments: str, text: str = "", **popen: Any) -> Completed:
        """Run a command of the runtime to its end, whatever comes of it."""
        with _file() as given, _file() as out, _file() as err:
            given.write(text)
            given.seek(0)
            streams = {"stdin": given, "stdout": out, "stderr": err} | popen
            ended = subprocess.run(self.command(*arguments), timeout=TIMEOUT, check=False, **streams)
            return subprocess.CompletedProcess(ended.args, ended.returncode, _read(out), _read(err))

    def ok(self, *arguments: str, **popen: Any) -> str:
        """What a command that has to succeed printed."""
        ended = self.run(*arguments, **popen)
        assert ended.returncode == 0, f"{' '.join(arguments)}: {ended.stderr}"
        return ended.stdout

    def fails(self, *arguments: str, **popen: Any) -> str:
        """The message of a command that has to fail."""
        ended = self.run(*arguments, **popen)
        assert ended.returncode != 0, f"{' '.join(arguments)} succeeded"
        assert ended.stderr.strip(), "there is no message"
        assert "Traceback" not in ended.stderr, ended.stderr
        return ended.stderr

    def create(self, bundle: Bundle, *flags: str, name: str = "", **popen: Any) -> str:
        return self.ok(*self._creation("create", bundle, flags, name), **popen)

    def refuses(self, bundle: Bundle, *flags: str, name: str = "") -> str:
        """The message of a `create` that has to fail and has to leave no container."""
        message = self.fails(*self._creation("create", bundle, flags, name))
        assert self.run("state", name or self.name).returncode != 0, "there is a container all the same"
        return message

    def execute(self, bundle: Bundle, *flags: str, name: str = "", **popen: Any) -> Completed:
        """Create, start, wait for and delete a container in one command."""
        return self.run(*self._creation("run", bundle, flags, name), **popen)

    def inside(self, bundle: Bundle, script: str = "", **popen: Any) -> str:
        """What a shell script in a container prints; the bundle's own program when there is none."""
        if script:
            bundle.shell(script)
        ended = self.execute(bundle, **popen)
        assert ended.returncode == 0, ended.stderr + ended.stdout
        return ended.stdout

    def running(self, bundle: Bundle, *flags: str, name: str = "", script: str = READY) -> int:
        """Start a container that prints a line when it is ready; its process as the host sees it."""
        bundle.shell(script)
        reading, writing = os.pipe()
        try:
            self.create(bundle, *flags, name=name, stdout=writing)
            self.start(name)
            assert select.select([reading], [], [], TIMEOUT)[0], "the program doesn't start"
            assert os.read(reading, 100)
        finally:
            os.close(reading)
            os.close(writing)
        return self.pid(name)

    def start(self, name: str = "") -> str:
        return self.ok("start", name or self.name)

    def kill(self, signal: str = "KILL", name: str = "") -> str:
        return self.ok("kill", name or self.name, signal)

    def delete(self, name: str = "", *flags: str) -> str:
        return self.ok("delete", *flags, name or self.name)

    def state(self, name: str = "") -> Json:
        return json.loads(self.ok("state", name or self.name))

    def status(self, name: str = "") -> str:
        return self.state(name)["status"]

    def pid(self, name: str = "") -> int:
        return self.state(name)["pid"]

    def wait(self, name: str = "") -> None:
        """Wait for the end of a container's process."""
        state = self.state(name)
        if state["status"] != "stopped":
            self.await_end(state["pid"])

    @staticmethod
    def await_end(pid: int) -> None:
        """Wait for a process to exit; it may be a zombie then, as its parent is another."""
        with suppress(ProcessLookupError), _pidfd(pid) as process:
            assert select.select([process], [], [], TIMEOUT)[0], f"the process {pid} doesn't end"

    def stop(self, name: str = "") -> None:
        """Kill a running container and wait for its end."""
        pid = self.pid(name)
        self.kill(name=name)
        self.await_end(pid)

    def cgroup(self, controller: str, name: str = "") -> Path:
        """The directory of a container's version 1 controller."""
        for line in Path(f"/proc/{self.pid(name)}/cgroup").read_text().splitlines():
            number, controllers, path = line.split(":", 2)
            if controller in controllers.split(",") and (controller or number == "0"):
                return Path("/sys/fs/cgroup", controller, path[1:])
        raise AssertionError(f"no controller {controller}")

    def _creation(self, command: str, bundle: Bundle, flags: tuple[str, ...], name: str) -> list[str]:
        self.asked.add(name or self.name)
        return [command, *flags, "--bundle", str(bundle.write()), name or self.name]


def _file() -> IO[str]:
    return tempfile.TemporaryFile("w+")


def _read(file: IO[str]) -> str:
    file.seek(0)
    return file.read()


def _pidfd(pid: int) -> IO[bytes]:
    return os.fdopen(os.pidfd_open(pid), "rb", buffering=0)


@pytest.fixture(scope="session")
def program() -> str:
    return os.environ.get("TAREBENCH_TEST_RUNTIME") or str(Path(sys.executable).parent / "tarebox-oci")


@pytest.fixture(scope="session")
def image(tmp_path_factory) -> Iterator[Path]:
    """The shared root filesystem, where users of a user namespace may reach it too."""
    with tempfile.TemporaryDirectory(prefix="tare-oci-") as directory:
        Path(directory).chmod(0o755)
        made = bootstrap_busybox(State.at(tmp_path_factory.mktemp("images")))
        yield made.rename(Path(directory, "rootfs"))


@pytest.fixture
def bundles(tmp_path, image) -> Callable[[str], Bundle]:
    """Makes bundles by name."""
    return lambda name: sane(State.at(tmp_path).directory("bundles") / name, image)


@pytest.fixture
def bundle(bundles) -> Bundle:
    return bundles("bundle")


@dataclass
class Console:
    """A console socket: takes the terminal's master over it, as runc's `--console-socket` defines it."""

    path: str
    server: socket.socket

    def receive(self) -> IO[bytes]:
        connection, _ = self.server.accept()
        with connection:
            _, descriptors, _, _ = socket.recv_fds(connection, 4096, 4)
        assert len(descriptors) == 1
        return os.fdopen(descriptors[0], "r+b", buffering=0)

    def read(self, terminal: IO[bytes]) -> str:
        """What was written to a terminal until its last program has closed it."""
        seen = b""
        with suppress(OSError):
            while data := os.read(terminal.fileno(), 4096):
                seen += data
        return seen.decode().replace("\r\n", "\n")


@pytest.fixture
def console(tmp_path) -> Iterator[Console]:
    with socket.socket(socket.AF_UNIX) as server:
        path = tmp_path / "console"
        bind(server, path)
        server.listen()
        server.settimeout(TIMEOUT)
        yield Console(str(path), server)


@pytest.fixture
def oci(program, tmp_path) -> Iterator[Oci]:
    """The runtime, which has to have removed all of its containers in the end."""
    state = State.at(tmp_path)
    oci = Oci(program, state.directory("oci", volatile=True), f"{PREFIX}{state.tag}-box")
    yield oci
    if any(oci.root.iterdir()):
        for name in oci.asked:
            with suppress(subprocess.TimeoutExpired):
                oci.run("delete", "--force", name)
    if left := leftovers(state):
        _end(state.tag)
    assert left == []


def _end(tag: str) -> None:
    """End what a faulty runtime left running, so that one failed test fails alone."""
    groups = [Path(parent) for parent, _, _ in os.walk("/sys/fs/cgroup", topdown=False) if tag in parent]
    for group in groups:
        for pid in map(int, (group / "cgroup.procs").read_text().split()):
            with suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)
            Oci.await_end(pid)
        with suppress(OSError):
            group.rmdir()
