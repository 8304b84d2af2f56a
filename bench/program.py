"""A program of the host's that runs containers by its commands."""

from collections.abc import Mapping
from concurrent.futures import Executor
from dataclasses import dataclass
from pathlib import Path
from subprocess import CompletedProcess
from typing import IO

from bench.command import Command, run


@dataclass(frozen=True)
class Program:
    """How its commands are spawned.

    Args:
        who: the subject, for messages.
        command: what each command begins with.
        scratch: an existing directory for small files of its instances, in which its commands run: some leave
            files in their working directory.
        executor: runs the spawn in one of its threads (which may live in another mount namespace).
        env: the environment, or None for ours.
        owner: user and group id as which it runs and writes, or None for ours.
    """

    who: str
    command: tuple[str, ...]
    scratch: Path
    executor: Executor | None = None
    env: Mapping[str, str] | None = None
    owner: int | None = None

    def __call__(
        self,
        *arguments: str,
        stdin: bytes | IO[bytes] | None = None,
        timeout: float | None = 60,
        check: bool = True,
    ) -> CompletedProcess[bytes]:
        """Run a command to its end. Raises: SubjectError when missing, failed (with `check`) or too slow."""
        return run(
            (*self.command, *arguments),
            self.who,
            executor=self.executor,
            env=self.env,
            directory=self.scratch,
            stdin=stdin,
            timeout=timeout,
            check=check,
        )

    def begin(self, *arguments: str, appears: Path | None = None) -> Command:
        """Start a command; `appears` is a file it writes once the instance exists."""
        argv = (*self.command, *arguments)
        return Command(
            argv, self.who, appears=appears, executor=self.executor, env=self.env, directory=self.scratch
        )
