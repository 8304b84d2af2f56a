# ruff: noqa: PTH123 - plain strings and descriptors, as in system calls
"""A running container, as its engine's callers see it."""

import os
import select
import signal
import socket
import subprocess
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING

from runtime import plan, teardown, wire
from runtime.cgroups.protocol import Group
from runtime.errors import EngineError, setup_error
from runtime.spec import ContainerSpec
from tare.errors import TareError

if TYPE_CHECKING:
    from runtime.engine import Engine

_ENDING = frozenset(
    (signal.SIGHUP, signal.SIGINT, signal.SIGQUIT, signal.SIGTERM, signal.SIGUSR1, signal.SIGUSR2)
)
"""Signals people send whose default action ends a process; see signal(7)."""


class _Process:
    """A process of the launcher's, followed over its channel."""

    def __init__(self) -> None:
        self._channel: socket.socket | None = None
        self._changed = threading.Condition()
        self._is_read = False
        self._pid = 0
        self._pidfd = -1
        self._created_ns = 0
        self._completed_ns = 0
        self._exited_ns = 0
        self._status: int | None = None
        self._failure: TareError | None = None

    def attach(self, channel: socket.socket) -> None:
        """Follow the process over the channel its request returned."""
        self._channel = channel

    def go(self) -> None:
        """Let the process go past where it waits for what is made from outside."""
        if self._channel:
            self._channel.send(b"g", socket.MSG_NOSIGNAL)

    @property
    def pid(self) -> int:
        """Process id on the host."""
        self._await_created()
        return self._pid

    @property
    def pidfd(self) -> int:
        """The pidfd, valid until the container is removed."""
        self._await_created()
        return self._pidfd

    @property
    def created_ns(self) -> int:
        """When the process was cloned, in nanoseconds of the monotonic clock."""
        self._await_created()
        return self._created_ns

    @property
    def exited_ns(self) -> int | None:
        """When its end was seen, in nanoseconds of the monotonic clock; None before it was waited for."""
        return self._exited_ns or None

    def _await_created(self) -> None:
        self._follow(lambda: self._pid)
        if not self._pid:
            raise self._failure or EngineError("the container has ended", "start another one")

    def await_complete(self) -> None:
        """Wait until the process has built all it is to run in.

        Raises:
            TareError: a step of the start failed, or it has ended.
        """
        self._follow(lambda: self._completed_ns or self._failure)
        if self._failure or self._status is not None:
            raise self._failure or EngineError("the container has ended", "start another one")

    def await_exit(self, timeout: float | None) -> int:
        """The exit status, 128+n for a signal.

        Raises:
            TimeoutError: still running after `timeout` seconds.
            TareError: a step of the start failed.
        """
        self._follow(lambda: False, None if timeout is None else time.monotonic() + timeout)
        if self._failure:
            raise self._failure
        if self._status is None:
            raise EngineError("the container is removed", "start another one")
        return self._status

    def _follow(self, is_reached: Callable[[], object], deadline: float | None = None) -> None:
        """Take in messages until the condition holds or none will come; one thread reads for all.

        Raises:
            TimeoutError: the deadline passed.
        """
        with self._changed:
            while not is_reached() and self._status is None and self._channel:
                left = None if deadline is None else max(deadline - time.monotonic(), 1e-6)
                if self._is_read:
                    if not self._changed.wait(left):
                        raise TimeoutError("the container still runs")
                    continue
                channel, self._is_read = self._channel, True
                self._changed.release()
                try:
                    received = _receive(channel, left)
                finally:
                    self._changed.acquire()
                    self._is_read = False
                    self._changed.notify_all()
                self._take(received)

    def _await_end(self) -> None:
        """See to the end of a process whose launcher is gone, and which that takes along."""
        if self._pidfd >= 0:
            poll = select.poll()
            poll.register(self._pidfd, select.POLLIN)
            poll.poll()

    def _take(self, received: tuple[object, list[int]] | None) -> None:
        if received is None:
            self._await_end()
            self._status = 128 + signal.SIGKILL
            self._failure = self._failure or EngineError("the launcher process is gone", "start a new engine")
            return
        message, descriptors = received
        match message:
            case ("created", int(pid), int(created)):
                self._pid, self._created_ns, self._pidfd = pid, created, descriptors[0]
            case ("complete", int(completed)):
                self._completed_ns = completed
            case ("failed", str(step), int(number), str(detail)):
                self._failure = setup_error(step, number, detail)
            case ("exited", int(code), int(ended)):
                self._status = code if code >= 0 else 128 - code
                self._exited_ns = ended

    def close(self) -> None:
        """Let go of the channel, which kills the process, and of the pidfd."""
        with self._changed:
            if self._channel:
                self._channel.close()
                self._channel = None
            if self._pidfd >= 0:
                os.close(self._pidfd)
                self._pidfd = -1


def _receive(channel: socket.socket, timeout: float | None) -> tuple[object, list[int]] | None:
    channel.settimeout(timeout)
    try:
        return wire.receive(channel)
    except ConnectionResetError:
        return None


class Container(_Process):
    """One container; made by Engine.start.

    Attributes:
        id: its name, carried by its groups, directory and root mount.
        spec: what it was started from.
        link: name of its veth peer on the host, empty without an interface.
    """

    def __init__(
        self, name: str, spec: ContainerSpec, engine: "Engine", group: Group, directory: str
    ) -> None:
        super().__init__()
        self.id = name
        self.spec = spec
        self.link = ""
        self._engine = engine
        self._group = group
        self._directory = directory
        self._removed = False

    def wait(self, timeout: float | None = None) -> int:
        """The command's exit status, 128+n for signal n.

        Raises:
            TimeoutError: still running after `timeout` seconds.
            CommandNotFoundError, CommandNotExecutableError, EngineError: it never got as far as running.
        """
        return self.await_exit(timeout)

    def exec(
        self,
        argv: Sequence[str],
        *,
        stdin: bytes | None = None,
        timeout: float | None = None,
        env: Mapping[str, str] | None = None,
    ) -> "subprocess.CompletedProcess[bytes]":
        """Run another command in the container's namespaces and groups with its privileges; await its end.

        Args:
            argv: the command.
            stdin: what it reads; nothing when None.
            timeout: seconds after which it is killed.
            env: its whole environment; the container's when None.

        Raises:
            TimeoutError: it was killed for taking too long.
            TareError: it never got as far as running.
        """
        spec = replace(self.spec, argv=tuple(argv), env=self.spec.env if env is None else env)
        deadline = None if timeout is None else time.monotonic() + timeout
        self.await_complete()
        steps = self._engine.exec_steps(spec)
        request = ("exec", plan.all_flags(spec), self._group.unified, self._group.join, steps)
        out, out_write = os.pipe2(os.O_CLOEXEC)
        err, err_write = os.pipe2(os.O_CLOEXEC)
        process = _Process()
        with open(os.memfd_create("stdin"), "w+b") as given, open(out, "rb", 0), open(err, "rb", 0):
            given.write(stdin or b"")
            given.seek(0)
            try:
                process.attach(
                    self._engine.request(request, (given.fileno(), out_write, err_write), (self.pidfd,))
                )
            finally:
                os.close(out_write)
                os.close(err_write)
            try:
                written = _collect((out, err), deadline)
                status = process.await_exit(None if deadline is None else max(deadline - time.monotonic(), 0))
            finally:
                process.close()
        return subprocess.CompletedProcess(list(argv), status, *written)

    def signal(self, number: int) -> None:
        """Send a signal to the command; one that has ended is no fault."""
        try:
            signal.pidfd_send_signal(self.pidfd, number)
        except ProcessLookupError:
            return

    def deliver(self, number: int) -> None:
        """Send a signal as if the command were not process 1 of its namespace.

        The kernel keeps signals without a handler from process 1, so one that would end any other process
        kills it.
        """
        if number in _ENDING and not self._minds(number):
            number = signal.SIGKILL
        self.signal(number)

    def _minds(self, number: int) -> bool:
        """Whether the command catches or ignores the signal; see proc_pid_status(5)."""
        try:
            with open(f"/proc/{self.pid}/status") as file:
                masks = [int(line.split()[1], 16) for line in file if line.startswith(("SigIgn:", "SigCgt:"))]
        except (FileNotFoundError, ProcessLookupError):
            return False
        return any(mask >> (number - 1) & 1 for mask in masks)

    def stop(self, grace: float = 10.0) -> int:
        """Deliver SIGTERM, after `grace` seconds SIGKILL; returns the exit status."""
        self.deliver(signal.SIGTERM)
        try:
            return self.wait(grace)
        except TimeoutError:
            self.signal(signal.SIGKILL)
            return self.wait()

    def remove(self) -> None:
        """Kill what still runs and remove all that the container has on the host; again is no fault."""
        if self._removed:
            return
        if self._status is None and self._channel:
            self._kill()
        teardown.remove_groups(self._group.paths)
        if self.spec.on_disk:
            teardown.remove_tree(self._directory)
        self.close()
        self._removed = True
        self._engine.forget(self)

    def _kill(self) -> None:
        try:
            self.signal(signal.SIGKILL)
            self.await_exit(None)
        except TareError:
            # It failed on its way up; that it has ended is all that matters here.
            return

    def processes(self) -> list[int]:
        """Host process ids of all in the container.

        Raises:
            CgroupError: it is removed, or has no group.
        """
        return self._group.processes()

    def memory_bytes(self) -> int:
        """Bytes charged to its group now, page cache included.

        Raises:
            CgroupError: it is removed, or has no group.
        """
        return self._group.memory_bytes()

    def cpu_seconds(self) -> float:
        """Processor time of its group so far, in seconds.

        Raises:
            CgroupError: it is removed, or has no group.
        """
        return self._group.cpu_seconds()

    @property
    def oom_killed(self) -> bool:
        """Whether the memory limit killed a process in it.

        Raises:
            CgroupError: it is removed.
        """
        return self._group.oom_kills() > 0


def _collect(descriptors: Sequence[int], deadline: float | None) -> list[bytes]:
    """All bytes from the pipes until every writer has closed them.

    Raises:
        TimeoutError: the deadline passed.
    """
    written: dict[int, list[bytes]] = {descriptor: [] for descriptor in descriptors}
    poll = select.poll()
    for descriptor in descriptors:
        poll.register(descriptor, select.POLLIN)
    remaining = set(descriptors)
    while remaining:
        left = None if deadline is None else max(deadline - time.monotonic(), 0) * 1000
        ready = poll.poll(left)
        if not ready:
            raise TimeoutError("the command took too long")
        for descriptor, _ in ready:
            part = os.read(descriptor, 65536)
            written[descriptor].append(part)
            if not part:
                poll.unregister(descriptor)
                remaining.discard(descriptor)
    return [b"".join(written[descriptor]) for descriptor in descriptors]
