"""A container that is one command in the foreground."""

import os
import tempfile
import uuid
from abc import ABC, abstractmethod
from collections.abc import Callable, Sequence
from ipaddress import IPv4Address
from pathlib import Path
from subprocess import CompletedProcess

from bench.checkpoint import unsaved
from bench.command import Command
from bench.program import Program
from bench.sizes import tree_bytes
from bench.subject import Footprint, Unsupported

_END_TIMEOUT = 20.0


class ForegroundInstance(ABC):
    """One `run`: the command ends with its payload, and the container is gone by then.

    Args:
        program: whose command it is.
        run: the command's arguments, from the container's name and a file for its id or pid, the writing of
            which is the moment "created".
        tells: whether the program writes that file.
    """

    def __init__(
        self, program: Program, run: Callable[[str, Path], Sequence[str]], *, tells: bool = True
    ) -> None:
        self._program = self._entering = program
        self._name = f"tare-{uuid.uuid4().hex[:12]}"
        self._scratch = tempfile.TemporaryDirectory(prefix="tare-", dir=program.scratch)
        if program.owner is not None:
            os.chown(self._scratch.name, program.owner, program.owner)
        self._file = Path(self._scratch.name) / "id"
        arguments = run(self._name, self._file)
        try:
            self._command: Command = program.begin(*arguments, appears=self._file if tells else None)
        except BaseException:
            self._scratch.cleanup()
            raise
        self.timeline = self._command.timeline
        self.wait_ready = self._command.wait_ready
        self.wait_output = self._command.wait_output

    @abstractmethod
    def _exec(self, argv: tuple[str, ...]) -> tuple[str, ...]:
        """Arguments of the command that runs a second one inside."""

    @abstractmethod
    def _kill(self) -> tuple[str, ...]:
        """Arguments of the command that ends and removes it."""

    @abstractmethod
    def pid(self) -> int:
        """The host's number of the payload's first process, once it is ready."""

    @abstractmethod
    def footprint(self) -> Footprint:
        """What it costs the host now; the waiting command counts as its manager."""

    def _checkpoint(self, directory: Path) -> tuple[str, ...]:  # noqa: ARG002 - some have none
        """Arguments of the command that saves it and ends it; none without one."""
        return ()

    def save(self, directory: Path) -> None:
        """By the program's own command, where there is one and it can."""
        arguments = self._checkpoint(directory)
        if not arguments:
            raise Unsupported(unsaved(f"{self._program.who} has no command that saves a container"))
        done = self._program(*arguments, check=False)
        if done.returncode:
            said = done.stderr.decode(errors="replace").strip().splitlines()
            raise Unsupported(
                unsaved(f"{self._program.who} says: {said[-1] if said else f'status {done.returncode}'}")
            )

    @property
    def _written(self) -> int:
        """Bytes of the files that were written for it: a bundle, a configuration."""
        return tree_bytes(Path(self._scratch.name))

    def wait(self, timeout: float) -> int:
        """Exit status; the command has removed the container by then."""
        status = self._command.wait(timeout)
        self.timeline.removed = self.timeline.exited
        return status

    def exec(
        self, argv: tuple[str, ...], *, stdin: bytes | None = None, timeout: float | None = None
    ) -> CompletedProcess[bytes]:
        """The program's own exec command; its status is 128+n for signal n, as a container's."""
        done = self._entering(*self._exec(argv), stdin=stdin, timeout=timeout, check=False)
        if done.returncode < 0:
            done.returncode = 128 - done.returncode
        return done

    def address(self) -> IPv4Address | None:
        """None: it has no network."""
        return None

    def stop(self) -> None:
        """End the container and wait for the command to end."""
        if self.timeline.exited is None:
            self._program(*self._kill(), check=False)
            self.wait(_END_TIMEOUT)

    def remove(self) -> None:
        """Stop it when it still runs, and forget its files."""
        try:
            self.stop()
        finally:
            self._command.close()
            self._scratch.cleanup()
