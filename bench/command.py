"""An instance that is a command: a child process, its output on a pipe, its end seen through a pidfd."""

import os
import select
import subprocess
import time
from collections.abc import Mapping, Sequence
from concurrent.futures import Executor
from pathlib import Path
from typing import IO

from inotify_simple import INotify, flags

from bench.output import Output
from bench.pinning import waiting
from bench.subject import SubjectError, Timeline


class Command:
    """A started command.

    Args:
        argv: the command line.
        who: the subject, for messages.
        appears: a file the command writes once the instance exists; its writing is the moment "created".
        executor: runs the spawn in one of its threads (which may live in another mount namespace).
        env: the environment, or None for ours.
        directory: the working directory, or None for ours.
    """

    def __init__(
        self,
        argv: Sequence[str],
        who: str,
        *,
        appears: Path | None = None,
        executor: Executor | None = None,
        env: Mapping[str, str] | None = None,
        directory: Path | None = None,
    ) -> None:
        self._who = who
        self._inotify = _watch(appears.parent) if appears else None
        self._appears = appears
        read_end, write_end = os.pipe2(os.O_CLOEXEC)
        self.output = Output(read_end, who)
        self._errors = os.memfd_create("tare-stderr")
        self._pidfd = -1
        try:
            self.timeline = Timeline(started=time.monotonic_ns())
            how = (argv, write_end, self._errors, env, directory)
            self.process = executor.submit(_spawn, *how).result() if executor else _spawn(*how)
            self._pidfd = os.pidfd_open(self.process.pid)
        except OSError as error:
            self.close()
            raise SubjectError(f"{who}: cannot run {argv[0]}: {error.strerror}", "install it") from error
        finally:
            os.close(write_end)

    def wait_ready(self, timeout: float) -> Timeline:
        """Wait for the first byte, noting on the way when the instance was created. Raises: SubjectError."""
        if self._inotify and self.timeline.created is None:
            self._wait_created(timeout)
        try:
            self.timeline.first_output = self.output.wait_first(timeout)
        except SubjectError as error:
            raise SubjectError(f"{error.what}: {self.errors() or 'no message'}", error.hint) from error
        return self.timeline

    def wait_output(self, mark: bytes, timeout: float) -> int:
        """Monotonic ns at which `mark` had arrived. Raises: SubjectError."""
        return self.output.wait_for(mark, timeout)

    def _wait_created(self, timeout: float) -> None:
        assert self._inotify is not None and self._appears is not None
        poll = select.poll()
        poll.register(self._inotify.fileno(), select.POLLIN)
        poll.register(self._pidfd, select.POLLIN)
        deadline = time.monotonic() + timeout
        while self.timeline.created is None:
            with waiting():
                ready = dict(poll.poll(max(0.0, deadline - time.monotonic()) * 1000))
                at = time.monotonic_ns()
            if self._inotify.fileno() in ready:
                if any(event.name == self._appears.name for event in self._inotify.read(timeout=0)):
                    self.timeline.created = at
            elif self._pidfd in ready:
                return
            else:
                raise SubjectError(f"{self._who} created nothing in {timeout:g} s", self.errors())

    def wait(self, timeout: float) -> int:
        """Exit status of the command, 128+n for signal n. Raises: SubjectError after `timeout` seconds."""
        poll = select.poll()
        poll.register(self._pidfd, select.POLLIN)
        with waiting():
            ended = poll.poll(timeout * 1000)
            at = time.monotonic_ns()
        if not ended:
            raise SubjectError(f"{self._who} did not end in {timeout:g} s")
        if self.timeline.exited is None:
            self.timeline.exited = at
        status = self.process.wait()
        return status if status >= 0 else 128 - status

    def errors(self) -> str:
        """The last line it wrote to stderr."""
        text = os.pread(self._errors, 4096, max(0, os.fstat(self._errors).st_size - 4096))
        lines = text.decode(errors="replace").strip().splitlines()
        return lines[-1] if lines else ""

    def close(self) -> None:
        """Kill the command if it still runs and release every descriptor; idempotent."""
        self.output.close()
        if self._pidfd >= 0:
            if self.process.poll() is None:
                self.process.kill()
                self.process.wait()
            os.close(self._pidfd)
            self._pidfd = -1
        if self._errors >= 0:
            os.close(self._errors)
            self._errors = -1
        if self._inotify:
            self._inotify.close()
            self._inotify = None


def run(
    argv: Sequence[str],
    who: str,
    *,
    executor: Executor | None = None,
    env: Mapping[str, str] | None = None,
    directory: Path | None = None,
    stdin: bytes | IO[bytes] | None = None,
    timeout: float | None = 60,
    check: bool = True,
) -> "subprocess.CompletedProcess[bytes]":
    """Run a command to its end. Raises: SubjectError when missing, failed (with `check`) or too slow."""
    text = (stdin or b"") if stdin is None or isinstance(stdin, bytes) else None
    file = None if stdin is None or isinstance(stdin, bytes) else stdin

    def call() -> "subprocess.CompletedProcess[bytes]":
        return subprocess.run(
            argv,
            stdin=file,
            input=text,
            capture_output=True,
            timeout=timeout,
            check=False,
            env=env,
            cwd=directory,
        )

    try:
        done = executor.submit(call).result() if executor else call()
    except FileNotFoundError as error:
        raise SubjectError(f"{who}: {argv[0]} is not installed", "run tools/setup") from error
    except subprocess.TimeoutExpired as error:
        raise SubjectError(f"{who}: {' '.join(argv[:3])} did not end in {timeout:g} s") from error
    if check and done.returncode:
        message = done.stderr.decode(errors="replace").strip().splitlines()
        raise SubjectError(
            f"{who}: {' '.join(argv[:3])} failed: {message[-1] if message else done.returncode}"
        )
    return done


def _watch(directory: Path) -> INotify:
    inotify = INotify(inheritable=False, nonblocking=True)
    inotify.add_watch(directory, flags.CLOSE_WRITE | flags.MOVED_TO)
    return inotify


def _spawn(
    argv: Sequence[str], stdout: int, stderr: int, env: Mapping[str, str] | None, directory: Path | None
) -> "subprocess.Popen[bytes]":
    return subprocess.Popen(
        argv, stdin=subprocess.DEVNULL, stdout=stdout, stderr=stderr, env=env, cwd=directory
    )
