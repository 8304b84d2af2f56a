# ruff: noqa: PTH123 - plain strings and descriptors, as in system calls
"""A running container, as its engine's callers see it."""

import os
import select
import time
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING

from runtime import plan, teardown
from runtime.cgroups.protocol import Group
from runtime.light import signal
from runtime.process import Process
from runtime.spec import ContainerSpec

if TYPE_CHECKING:
    from subprocess import CompletedProcess

    from runtime.engine import Engine

_ENDING = frozenset(
    (signal.SIGHUP, signal.SIGINT, signal.SIGQUIT, signal.SIGTERM, signal.SIGUSR1, signal.SIGUSR2)
)
"""Signals people send whose default action ends a process; see signal(7)."""
_MASKS = ("SigBlk:", "SigIgn:", "SigCgt:")


class Container(Process):
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

    @property
    def directory(self) -> str:
        """Where its writable layer is."""
        return self._directory

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
    ) -> "CompletedProcess[bytes]":
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
        group = self._group
        request = ("exec", plan.all_flags(spec), group.unified, group.join, steps, None, None)
        out, out_write = os.pipe2(os.O_CLOEXEC)
        err, err_write = os.pipe2(os.O_CLOEXEC)
        process = Process()
        with open(os.memfd_create("stdin"), "w+b") as given, open(out, "rb", 0), open(err, "rb", 0):
            given.write(stdin or b"")
            given.seek(0)
            try:
                stdio = (given.fileno(), out_write, err_write)
                self._engine.request(process, request, stdio, (self.pidfd,))
            finally:
                os.close(out_write)
                os.close(err_write)
            try:
                written = collect((out, err), deadline)
                status = process.await_exit(None if deadline is None else max(deadline - time.monotonic(), 0))
            finally:
                process.close()
        from subprocess import CompletedProcess

        return CompletedProcess(list(argv), status, *written)

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
        if not heeds(self.pid, number):
            number = signal.SIGKILL
        self.signal(number)

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
            self.end()
        teardown.remove_groups(self._group.paths)
        if self.spec.on_disk:
            teardown.remove_tree(self._directory)
        self.close()
        self._removed = True
        self._engine.forget(self)

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


def heeds(pid: int, number: int) -> bool:
    """Whether process 1 of a namespace catches, ignores or waits for a signal; see signal(7).

    Those that would not end a process anyway count as heeded.

    Args:
        pid: its process id here.
        number: the signal.
    """
    if number not in _ENDING:
        return True
    try:
        with open(f"/proc/{pid}/status") as file:
            masks = [int(line.split()[1], 16) for line in file if line.startswith(_MASKS)]
        with open(f"/proc/{pid}/wchan") as file:
            # While it waits for signals, the kernel doesn't show them as blocked.
            is_waiting = "sigtimedwait" in file.read()
    except (FileNotFoundError, ProcessLookupError):
        return False
    return is_waiting or any(mask >> (number - 1) & 1 for mask in masks)


def collect(descriptors: Sequence[int], deadline: float | None) -> list[bytes]:
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
