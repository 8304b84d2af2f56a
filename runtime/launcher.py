# ruff: noqa: PTH123 - plain strings and descriptors, as in system calls
"""The process that clones containers, small and single-threaded, one an engine.

It takes requests over the control socket and answers each over the channel that came with it:
    ("start", id, flags, v2 group or "", directory, group directories, files to join, groups to show, steps)
        with channel, stdin, stdout, stderr
    ("exec", flags, v2 group or "", files to join, steps, reaper, terminal size or None)
        with channel, stdin, stdout, stderr, pidfd of the container
    ("detach", id, flags, v2 group or "", directory, files to join, groups to show, steps,
        Watch as a tuple, PID namespace to join or "")
        with channel, the descriptor of a lock, held until all is in place, and that of a first client, if any
Answers:
    ("created", pid, monotonic ns) with a pidfd
    ("complete", monotonic ns), from the child itself, once others can join it
    ("failed", step, errno, detail), from the child itself
    ("exited", status as of waitstatus_to_exitcode, monotonic ns)
    ("console",) with the master of the terminal, from a child with one
    ("cleared",) once what it left on the host is removed as well
When a channel closes, or the engine shuts it down for writing, its process is killed and what it left on the
host removed, which is said before our end is closed; when the control socket closes, this is done for all.
Nothing here decides anything: the plan does.

What is detached is spared. A process of its own clones its first process, puts the container on record, and
becomes the monitor; the channel closes when both run their programs. A command that joins a container and
outlives us has a reaper, the program given: the kernel lets no PID namespace go with a zombie in it.
"""

from __future__ import annotations

import gc
import marshal
import os
import select
import sys
import time

from runtime import syscalls, teardown, wire
from runtime.child import SETUP_FAILED, Child
from runtime.light import signal, socket
from runtime.monitor.parent import Parent

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any, NoReturn

    from runtime.cgroups.hierarchy import Shown
    from runtime.monitor.parent import Watch


class _Running:
    """A process of ours, until it has ended and its channel is closed."""

    def __init__(
        self, pid: int, pidfd: int, channel: socket.socket, debris: tuple[str, list[str]], end: int
    ) -> None:
        self.end = end
        self.pid = pid
        self.pidfd = pidfd
        self.channel = channel
        self.debris = debris
        self.has_ended = False
        self.is_released = False


class Launcher:
    """Serves one engine.

    Args:
        control: the socket on which requests arrive.
        host: descriptor of the host's mount namespace.
    """

    def __init__(self, control: socket.socket, host: int) -> None:
        self._control = control
        self._host = host
        self._self = os.pidfd_open(os.getpid())
        self._poll = select.epoll()
        self._poll.register(control, select.EPOLLIN)
        self._running: dict[int, _Running] = {}
        self._detached: dict[int, int] = {}

    def serve(self) -> None:
        """Answer requests until the engine closes the control socket, then end everything."""
        while True:
            for descriptor, _ in self._poll.poll():
                if descriptor == self._control.fileno():
                    received = self._receive()
                    if received is None:
                        self._end_all()
                        return
                    self._request(*received)
                elif descriptor in self._running:
                    self._event(descriptor)
                elif descriptor in self._detached:
                    self._poll.unregister(descriptor)
                    os.waitpid(self._detached.pop(descriptor), 0)
                    os.close(descriptor)

    def _receive(self) -> tuple[Any, list[int]] | None:
        try:
            return wire.receive(self._control)
        except ConnectionResetError:
            return None

    def _request(self, message: Any, descriptors: list[int]) -> None:
        kind, *arguments = message
        channel = socket.socket(fileno=descriptors[0])
        getattr(self, f"_{kind}")(channel, descriptors[1:], *arguments)
        for descriptor in descriptors[1:]:
            os.close(descriptor)

    def _start(
        self,
        channel: socket.socket,
        descriptors: list[int],
        name: str,
        flags: int,
        unified: str,
        directory: str,
        paths: list[str],
        groups: list[str],
        shown: Shown,
        plan: bytes,
    ) -> None:
        steps = marshal.loads(plan)
        try:
            pid, pidfd = self._clone(flags, unified)
        except OSError as error:
            self._refuse(channel, "clone", error)
            return
        if pid == 0:
            child = Child(
                channel, descriptors, launcher=self._self, host=self._host, name=name, directory=directory
            )
            child.run([("open_groups", groups, shown), ("join_groups",), *steps])
        self._track(pid, pidfd, channel, (directory, paths))

    def _exec(
        self,
        channel: socket.socket,
        descriptors: list[int],
        flags: int,
        unified: str,
        groups: list[str],
        plan: bytes,
        reaper: str | None,
        terminal: tuple[int, int] | None,
    ) -> None:
        try:
            pid, pidfd = self._clone(0, "")
        except OSError as error:
            self._refuse(channel, "clone", error)
            return
        if pid == 0:
            *stdio, pidfd = descriptors
            launcher = self._self if reaper is None else -1
            child = Child(channel, stdio, launcher=launcher, joins_terminal=terminal)
            if reaper is not None:
                os.dup2(stdio[0], 1)
                os.dup2(stdio[0], 2)
            _join_and_run(child, channel, pidfd, flags, unified, groups, marshal.loads(plan), reaper)
        if reaper is not None:
            _answer(channel, ("created", pid, time.monotonic_ns()), [pidfd])
            self._release(pid, pidfd, channel)
        else:
            self._track(pid, pidfd, channel, ("", []), signal.SIGTERM)

    def _detach(
        self,
        channel: socket.socket,
        descriptors: list[int],
        name: str,
        flags: int,
        unified: str,
        directory: str,
        groups: list[str],
        shown: Shown,
        plan: bytes,
        watch: Watch,
        pid_namespace: str,
    ) -> None:
        steps = [("open_groups", groups, shown), ("join_groups",), *marshal.loads(plan)]
        try:
            pid, pidfd = self._clone(0, "")
        except OSError as error:
            self._refuse(channel, "clone", error)
            return
        if pid == 0:
            client = descriptors[1] if len(descriptors) > 1 else -1
            Parent(channel, self._host, watch, client, pid_namespace).run(
                name, directory, steps, lambda: self._clone(flags, unified)
            )
        self._release(pid, pidfd, channel)

    def _release(self, pid: int, pidfd: int, channel: socket.socket) -> None:
        """Leave a process to itself, but for reaping it."""
        channel.close()
        self._detached[pidfd] = pid
        self._poll.register(pidfd, select.EPOLLIN)

    def _clone(self, flags: int, unified: str) -> tuple[int, int]:
        if not unified:
            return syscalls.clone3(flags, exit_signal=signal.SIGCHLD)
        group = os.open(unified, os.O_PATH | os.O_DIRECTORY | os.O_CLOEXEC)
        try:
            return syscalls.clone3(flags, exit_signal=signal.SIGCHLD, cgroup=group)
        finally:
            os.close(group)

    def _refuse(self, channel: socket.socket, step: str, error: OSError) -> None:
        wire.send(channel, ("failed", step, error.errno, ""))
        wire.send(channel, ("exited", SETUP_FAILED, time.monotonic_ns()))
        channel.close()

    def _track(
        self,
        pid: int,
        pidfd: int,
        channel: socket.socket,
        debris: tuple[str, list[str]],
        end: int = signal.SIGKILL,
    ) -> None:
        created = time.monotonic_ns()
        running = _Running(pid, pidfd, channel, debris, end)
        self._running[pidfd] = self._running[channel.fileno()] = running
        self._poll.register(pidfd, select.EPOLLIN)
        self._poll.register(channel, select.EPOLLRDHUP)
        _answer(channel, ("created", pid, created), [pidfd])

    def _event(self, descriptor: int) -> None:
        running = self._running.pop(descriptor)
        self._poll.unregister(descriptor)
        if descriptor == running.pidfd:
            self._reap(running)
        else:
            running.is_released = True
            if not running.has_ended:
                signal.pidfd_send_signal(running.pidfd, running.end)
        if running.has_ended and running.is_released:
            self._clear(running)

    def _reap(self, running: _Running) -> None:
        _, status = os.waitpid(running.pid, 0)
        ended = time.monotonic_ns()
        running.has_ended = True
        os.close(running.pidfd)
        _answer(running.channel, ("exited", os.waitstatus_to_exitcode(status), ended))

    def _clear(self, running: _Running) -> None:
        directory, groups = running.debris
        teardown.remove_groups(groups)
        if directory:
            teardown.remove_tree(directory)
        # Who has asked for it waits for this: a clone that runs no command yet has the channel open, too.
        _answer(running.channel, ("cleared",))
        running.channel.close()

    def _end_all(self) -> None:
        remaining = list({id(running): running for running in self._running.values()}.values())
        for running in remaining:
            if not running.has_ended:
                signal.pidfd_send_signal(running.pidfd, running.end)
        for running in remaining:
            if not running.has_ended:
                self._reap(running)
            self._clear(running)


def _join_and_run(
    child: Child,
    channel: socket.socket,
    pidfd: int,
    flags: int,
    unified: str,
    groups: list[str],
    steps: list[tuple[object, ...]],
    reaper: str | None,
) -> NoReturn:
    """Enter a container's namespaces and run the steps in a process born there; end as it ends."""
    program = os.open(reaper, os.O_RDONLY | os.O_CLOEXEC) if reaper else -1
    try:
        child.open_groups(groups)
        group = os.open(unified, os.O_PATH | os.O_DIRECTORY | os.O_CLOEXEC) if unified else -1
        # Beyond its cgroup namespace nothing may be born into a delegated group, see cgroups(7), nsdelegate.
        later = flags & syscalls.CLONE_NEWCGROUP
        # Opened now: from inside its user namespace, one that doesn't run its command yet is closed to us.
        view = _open_namespace(pidfd, "cgroup") if later else -1
        syscalls.setns(pidfd, flags & ~later)
        pid, _ = syscalls.clone3(0, exit_signal=signal.SIGCHLD, cgroup=group)
        if pid == 0 and later:
            syscalls.setns(view, later)
    except OSError as error:
        wire.send(channel, ("failed", "join", error.errno or 0, ""))
        os._exit(SETUP_FAILED)
    if pid == 0:
        child.run([("join_groups",), *steps])
    if reaper and program >= 0:
        os.execve(program, [reaper, "reap", str(pid)], {})
    # Killed itself, it would leave the child's remains to the host's init, who may be slow.
    signal.signal(signal.SIGTERM, lambda *_: os.kill(pid, signal.SIGKILL))
    syscalls.close_range(3, 0xFFFFFFFF, 0)
    _, status = os.waitpid(pid, 0)
    code = os.waitstatus_to_exitcode(status)
    os._exit(code if code >= 0 else 128 - code)


def _open_namespace(pidfd: int, kind: str) -> int:
    """A descriptor of one of a process's namespaces; see proc_pid_ns(5)."""
    with open(f"/proc/self/fdinfo/{pidfd}") as file:
        pid = next(int(line.split()[1]) for line in file if line.startswith("Pid:"))
    namespace = os.open(f"/proc/{pid}/ns/{kind}", os.O_RDONLY | os.O_CLOEXEC)
    # It is not another's that has got the number since.
    signal.pidfd_send_signal(pidfd, 0)
    return namespace


def _answer(channel: socket.socket, message: object, descriptors: tuple[int, ...] | list[int] = ()) -> None:
    try:
        wire.send(channel, message, descriptors)
    except (BrokenPipeError, ConnectionResetError):
        return


def main() -> NoReturn:
    """Serve on the socket whose descriptor is the first argument; see Engine for the command line."""
    control = socket.socket(fileno=int(sys.argv[1]))
    os.set_inheritable(control.fileno(), False)
    signal.pthread_sigmask(signal.SIG_SETMASK, ())
    for number in signal.valid_signals() - {signal.SIGKILL, signal.SIGSTOP}:
        signal.signal(number, signal.SIG_DFL)
    os.umask(0)
    host = os.open("/proc/self/ns/mnt", os.O_RDONLY | os.O_CLOEXEC)
    # Each clone inherits this: what enters a container can't be looked into by who is there already.
    syscalls.prctl(syscalls.PR_SET_DUMPABLE, 0)
    syscalls.unshare(syscalls.CLONE_NEWNS)
    syscalls.mount_setattr(syscalls.AT_FDCWD, "/", propagation=syscalls.MS_SLAVE, recursive=True)
    os.chdir("/")
    # A child that has entered an image must never import from it.
    sys.meta_path.clear()
    gc.disable()
    gc.freeze()
    Launcher(control, host).serve()
    os._exit(0)
