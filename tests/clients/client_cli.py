"""A container engine's command line: docker's, and podman's, which takes the same arguments."""

import os
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

from client_leftovers import Place

IMAGE = "busybox"
_TIMEOUT = 30.0


@dataclass(frozen=True)
class Ended:
    """A command that has ended.

    Args:
        status: its exit status.
        stdout: what it wrote there.
        stderr: what it wrote there.
    """

    status: int
    stdout: str
    stderr: str


@dataclass(frozen=True)
class Client:
    """One client with its private storage.

    Args:
        name: `docker` or `podman`.
        command: the program and the options every call gets.
        place: where its files and control groups are.
        run_options: the options that every `run` and `create` gets.
        environment: variables it needs besides ours.
    """

    name: str
    command: tuple[str, ...]
    place: Place
    run_options: tuple[str, ...] = ()
    environment: dict[str, str] = field(default_factory=dict)

    def popen(self, *arguments: str, **options) -> subprocess.Popen:
        """Start a call, in the client's own directory, as some clients drop files where they are called."""
        argv, cwd = (*self.command, *arguments), self.place.directory
        return subprocess.Popen(argv, cwd=cwd, env={**os.environ, **self.environment}, **options)

    def __call__(self, *arguments: str, stdin: bytes = b"", timeout: float = _TIMEOUT) -> Ended:
        """Call it and wait for its end."""
        pipe = subprocess.PIPE
        with self.popen(*arguments, stdin=pipe, stdout=pipe, stderr=pipe) as process:
            try:
                stdout, stderr = process.communicate(stdin, timeout)
            except subprocess.TimeoutExpired:
                process.kill()
                raise
        return Ended(process.returncode, stdout.decode(), stderr.decode())

    def must(self, *arguments: str) -> str:
        """What a call that succeeds prints, without the last line end."""
        ended = self(*arguments)
        assert ended.status == 0, f"{self.name} {' '.join(arguments)}: {ended.stderr}"
        return ended.stdout.rstrip("\n")

    def options(self, *options: str) -> tuple[str, ...]:
        """Options of `run` or `create` together with those that every container gets, and the image."""
        return (*self.run_options, *options, IMAGE)

    def run(self, *argv: str, options: tuple[str, ...] = (), stdin: bytes = b"") -> Ended:
        """`run --rm` in the foreground."""
        return self("run", "--rm", *self.options(*options), *argv, stdin=stdin)

    def output(self, *argv: str, options: tuple[str, ...] = ()) -> str:
        """What a container that succeeds prints."""
        return self.must("run", "--rm", *self.options(*options), *argv)

    def shell(self, script: str, *options: str) -> list[str]:
        """The lines that a shell script prints in a container that succeeds."""
        return self.output("sh", "-c", script, options=options).splitlines()

    def start(self, script: str, *options: str) -> str:
        """`run --detach` of a shell script; its identifier once the script has printed `ready`."""
        container = self.must("run", "--detach", *self.options(*options), "sh", "-c", script)
        self.await_output(container, "ready")
        return container

    def sleeper(self, *options: str) -> str:
        """A container that does nothing and heeds the signal to stop."""
        return self.start("trap 'exit 0' TERM; echo ready; while :; do sleep 100 & wait $!; done", *options)

    def await_output(self, container: str, text: str) -> None:
        """Wait until a container has written a text."""
        with self._following(container) as lines:
            for line in lines:
                if text in line:
                    return
        raise AssertionError(f"{container} ended without {text!r}: {self.inspect(container, '{{.State}}')}")

    @contextmanager
    def _following(self, container: str) -> Iterator[Iterator[str]]:
        pipe = subprocess.PIPE
        with self.popen("logs", "--follow", container, stdout=pipe, stderr=subprocess.STDOUT) as process:
            try:
                yield (line.decode() for line in process.stdout)
            finally:
                process.kill()

    def inspect(self, container: str, template: str) -> str:
        """One field of `inspect`, as a Go template names it."""
        return self.must("inspect", "--format", template, container)

    def state(self, container: str) -> str:
        """`created`, `running`, `paused` or `exited`."""
        return self.inspect(container, "{{.State.Status}}")

    def pid(self, container: str) -> int:
        """The host's number of the container's first process."""
        return int(self.inspect(container, "{{.State.Pid}}"))

    def wait(self, container: str) -> int:
        """The container's exit status, once it has one."""
        return int(self.must("wait", container))

    def remove_all(self) -> None:
        """Remove every container, running or not."""
        if containers := self.must("ps", "--all", "--quiet").split():
            self("rm", "--force", *(("--time", "0") if self.name == "podman" else ()), *containers)


def bounding_capabilities(status: Path = Path("/proc/self/status")) -> int:
    """The capabilities that a process can ever have, which a container can't exceed."""
    line = next(line for line in status.read_text().splitlines() if line.startswith("CapBnd:"))
    return int(line.split()[1], 16)
