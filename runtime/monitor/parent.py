# ruff: noqa: PTH104, PTH108 - plain strings and descriptors, as in system calls
"""The process that clones a detached container's first process and then becomes its monitor.

The launcher imports this module, so it imports nothing slow.
"""

from __future__ import annotations

import os
import time

from runtime import light, syscalls, wire
from runtime.child import SETUP_FAILED, Child

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from typing import Any, NoReturn

    from runtime.steps.base import Step

    Watch = tuple[str, dict[str, Any], list[str], list[str], tuple[int, int] | None, bool]

_PR_SET_CHILD_SUBREAPER = 36


class Parent:
    """One such process.

    Args:
        channel: where the engine is told.
        host: descriptor of the host's mount namespace.
        watch: the container's directory, which gets `state.json`; what that says beside the process; the
            monitor's program as words, and its options; rows and columns of the container's terminal, if it
            has one; whether it has input.
        client: descriptor of a socket that is attached from the beginning on, -1 for none.
        pid_namespace: path of the one to clone in; this process's own when empty.
    """

    def __init__(
        self, channel: light.socket.socket, host: int, watch: Watch, client: int, pid_namespace: str
    ) -> None:
        self._channel = channel
        self._host = host
        self._client = client
        self._pid_namespace = pid_namespace
        self._directory, self._state, self._program, self._options, self._terminal, self._input = watch
        self._what = "detach"
        self._given = -1

    def run(
        self, name: str, directory: str, steps: Sequence[Step], clone: Callable[[], tuple[int, int]]
    ) -> NoReturn:
        """Clone the first process, put it on record and become the monitor; never returns.

        Args:
            name: what the root mount is called.
            directory: of the writable layer.
            steps: the first process's plan.
            clone: clones it; returns its process id and pidfd.
        """
        try:
            self._run(name, directory, steps, clone)
        except OSError as error:
            self._tell(("failed", self._what, error.errno or 0, error.filename or ""))
        finally:
            os._exit(SETUP_FAILED)

    def _run(
        self, name: str, directory: str, steps: Sequence[Step], clone: Callable[[], tuple[int, int]]
    ) -> None:
        os.setsid()
        syscalls.prctl(_PR_SET_CHILD_SUBREAPER, 1)
        os.chdir(self._directory)
        own = os.pidfd_open(os.getpid())
        null = os.open("/dev/null", os.O_RDWR | os.O_CLOEXEC)
        for number in range(3):
            os.dup2(null, number)
        stdio, kept = ((null,) * 3, [-1, -1, -1]) if self._terminal else self._pipes(null)
        listener = self._listen()
        console, theirs = light.socket.socketpair() if self._terminal else (None, None)
        self._what = "clone"
        pid, pidfd = self._cloned(clone)
        if pid == 0:
            child = Child(
                self._channel,
                stdio,
                launcher=own,
                host=self._host,
                name=name,
                directory=directory,
                keeps_directory=True,
                console=theirs,
                console_size=self._terminal or (0, 0),
            )
            child.run(steps)
        self._what = "record"
        self._record(pid)
        self._tell(("created", pid, time.monotonic_ns()), (pidfd,))
        if console and theirs:
            theirs.close()
            kept = self._master(console)
        self._what = "monitor"
        syscalls.setns(self._host, syscalls.CLONE_NEWNS)
        os.chdir(self._directory)
        os.umask(0o022)
        self._become(pid, (pidfd, listener.fileno(), *kept))

    def _cloned(self, clone: Callable[[], tuple[int, int]]) -> tuple[int, int]:
        """Clone, in another PID namespace where that is asked for; checks and restarts aren't born there."""
        if not self._pid_namespace:
            return clone()
        own = os.open("/proc/self/ns/pid", os.O_RDONLY | os.O_CLOEXEC)
        other = os.open(self._pid_namespace, os.O_RDONLY | os.O_CLOEXEC)
        syscalls.setns(other, syscalls.CLONE_NEWPID)
        os.close(other)
        pid, pidfd = clone()
        if pid:
            syscalls.setns(own, syscalls.CLONE_NEWPID)
            os.close(own)
        return pid, pidfd

    def _tell(self, message: tuple[object, ...], descriptors: Sequence[int] = ()) -> None:
        """Tell the engine, if it is still there; the container outlives it."""
        try:
            wire.send(self._channel, message, descriptors)
        except (BrokenPipeError, ConnectionResetError):
            return

    def _pipes(self, null: int) -> tuple[tuple[int, ...], list[int]]:
        given, kept = os.pipe2(os.O_CLOEXEC) if self._input else (null, -1)
        out, out_write = os.pipe2(os.O_CLOEXEC)
        err, err_write = os.pipe2(os.O_CLOEXEC)
        return (given, out_write, err_write), [out, err, kept]

    def _master(self, console: light.socket.socket) -> list[int]:
        """The terminal's master; none when the first process failed before it had one."""
        received = wire.receive(console)
        if received is None:
            return [-1, -1, -1]
        master = received[1][0]
        return [master, -1, os.dup(master)]

    def _record(self, pid: int) -> None:
        values = {
            **self._state,
            "pid": pid,
            "start_time": start_time(pid),
            "monitor": os.getpid(),
            "monitor_start_time": start_time(os.getpid()),
            "started_at": time.time_ns(),
        }
        file = os.open(".state.new", os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_CLOEXEC, 0o600)
        os.write(file, light.dumps(values).encode())
        os.close(file)
        os.rename(".state.new", "state.json")

    def _listen(self) -> light.socket.socket:
        """The socket that others attach to, so that it is there before the container is on record."""
        kind = light.socket.SOCK_SEQPACKET | light.socket.SOCK_CLOEXEC | light.socket.SOCK_NONBLOCK
        listener = light.socket.socket(light.socket.AF_UNIX, kind)
        if os.path.lexists("attach"):
            os.unlink("attach")
        listener.bind("attach")
        listener.listen(128)
        return listener

    def _become(self, pid: int, descriptors: Sequence[int]) -> None:
        for descriptor in (*descriptors, self._client):
            if descriptor >= 0:
                os.set_inheritable(descriptor, True)
        numbers = [str(number) for number in (pid, *descriptors)]
        options = ["-t", str(self._client), *self._options] if self._client >= 0 else self._options
        os.execve(self._program[0], [*self._program, "watch", *numbers, *options], os.environ)


def start_time(pid: int) -> int:
    """When a process started, in clock ticks since the boot, or 0 when it has ended; see proc_pid_stat(5)."""
    try:
        descriptor = os.open(f"/proc/{pid}/stat", os.O_RDONLY | os.O_CLOEXEC)
    except (FileNotFoundError, ProcessLookupError):
        return 0
    try:
        text = os.read(descriptor, 4096)
    except ProcessLookupError:
        return 0
    finally:
        os.close(descriptor)
    return int(text[text.rindex(b")") + 2 :].split()[19])
