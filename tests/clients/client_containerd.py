"""containerd through its own command line `ctr`, containers under the shim io.containerd.runc.v2."""

import subprocess
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from client_cli import Ended
from client_leftovers import Place

IMAGE = "docker.io/library/busybox:latest"
_TIMEOUT = 30.0


@dataclass(frozen=True)
class Containerd:
    """A containerd of our own.

    Args:
        socket: where it listens.
        place: where its files and control groups are.
        runtime: the program its shim runs.
    """

    socket: Path
    place: Place
    runtime: str

    def popen(self, *arguments: str, **options) -> subprocess.Popen:
        """Start `ctr`."""
        return subprocess.Popen(("ctr", "--address", str(self.socket), *arguments), **options)

    def __call__(self, *arguments: str) -> Ended:
        """Call `ctr` and wait for its end."""
        pipe = subprocess.PIPE
        with self.popen(*arguments, stdin=subprocess.DEVNULL, stdout=pipe, stderr=pipe) as process:
            try:
                stdout, stderr = process.communicate(timeout=_TIMEOUT)
            except subprocess.TimeoutExpired:
                process.kill()
                raise
        return Ended(process.returncode, stdout.decode(), stderr.decode())

    def must(self, *arguments: str) -> str:
        """What a call that succeeds prints."""
        ended = self(*arguments)
        assert ended.status == 0, f"ctr {' '.join(arguments)}: {ended.stderr}"
        return ended.stdout

    def run_arguments(self, name: str, *argv: str, options: tuple[str, ...] = ()) -> tuple[str, ...]:
        """The arguments of `ctr run`."""
        directories = ("--runc-root", str(self.place.states), "--fifo-dir", str(self.place.directory))
        program = ("--runc-binary", self.runtime, *directories)
        return ("run", *program, "--cgroup", f"/{self.place.cgroup}/{name}", *options, IMAGE, name, *argv)

    def run(self, *argv: str, options: tuple[str, ...] = ()) -> Ended:
        """`ctr run --rm` in the foreground."""
        return self(*self.run_arguments("run", *argv, options=("--rm", *options)))

    def start(self, name: str, *argv: str, options: tuple[str, ...] = ()) -> str:
        """`ctr run --detach`; the name."""
        self.must(*self.run_arguments(name, *argv, options=("--detach", "--null-io", *options)))
        return name

    def status(self, name: str) -> str:
        """Of the task: `RUNNING`, `PAUSED` or `STOPPED`."""
        lines = (line.split() for line in self.must("tasks", "list").splitlines())
        return next(line[2] for line in lines if line[0] == name)

    def remove_all(self) -> None:
        """Remove every task and container, running or not."""
        for name in self.must("tasks", "list", "--quiet").split():
            with suppress(AssertionError):
                self.must("tasks", "delete", "--force", name)
        for name in self.must("containers", "list", "--quiet").split():
            self.must("containers", "delete", name)
