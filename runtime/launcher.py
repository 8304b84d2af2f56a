"""The process that clones containers: small, single-threaded, one for each engine, run as `python -S -I launcher.py`.

It takes requests over the control socket and answers each over the channel that came with it:
    request  ("start", id, flags, v2 group or "", directory, groups, steps)   channel, stdin, stdout, stderr
             ("exec", flags, v2 group or "", groups, steps)                   channel, stdin, stdout, stderr, pidfd
    answer   ("created", pid, monotonic ns) with a pidfd; ("failed", step, errno, detail) from the child itself;
             ("exited", status as waitstatus_to_exitcode, monotonic ns)
A channel that closes kills its process; a control socket that closes ends all of them, and what they leave on the
host is removed. Nothing here decides anything: the plan does.
"""

import gc
import marshal
import os
import select
import signal
import socket
import sys
import time
from typing import Any, NoReturn

sys.path.insert(0, os.path.dirname(os.path.dirname(os.path.abspath(__file__))))  # noqa: PTH100, PTH120 - no pathlib here

from runtime import syscalls, teardown, wire  # noqa: E402 - the path above leads to it
from runtime.child import SETUP_FAILED, Child  # noqa: E402


class _Running:
    """A process of ours, from clone to reaping."""

    def __init__(self, pid: int, pidfd: int, channel: socket.socket, debris: tuple[str, list[str]]) -> None:
        self.pid = pid
        self.pidfd = pidfd
        self.channel = channel
        self.debris = debris


class Launcher:
    """Serves one engine.

    Args:
        control: the socket on which requests arrive.
    """

    def __init__(self, control: socket.socket) -> None:
        self._control = control
        self._poll = select.epoll()
        self._poll.register(control, select.EPOLLIN)
        self._running: dict[int, _Running] = {}

    def serve(self) -> None:
        """Answer requests until the engine closes the control socket, then end everything."""
        while True:
            for descriptor, _ in self._poll.poll():
                if descriptor == self._control.fileno():
                    received = wire.receive(self._control)
                    if received is None:
                        self._end_all()
                        return
                    self._request(*received)
                elif descriptor in self._running:
                    self._event(descriptor)

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
        groups: list[str],
        plan: bytes,
    ) -> None:
        steps = marshal.loads(plan)
        try:
            pid, pidfd = self._clone(flags, unified)
        except OSError as error:
            self._refuse(channel, "clone", error)
            return
        if pid == 0:
            child = Child(channel, descriptors, name, directory)
            child.run([("open_groups", groups), ("join_groups",), *steps])
        self._track(pid, pidfd, channel, (directory, groups))

    def _exec(
        self,
        channel: socket.socket,
        descriptors: list[int],
        flags: int,
        unified: str,
        groups: list[str],
        plan: bytes,
    ) -> None:
        try:
            pid, pidfd = self._clone(0, "")
        except OSError as error:
            self._refuse(channel, "clone", error)
            return
        if pid == 0:
            _join_and_run(channel, descriptors, flags, unified, groups, marshal.loads(plan))
        self._track(pid, pidfd, channel, ("", []))

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

    def _track(self, pid: int, pidfd: int, channel: socket.socket, debris: tuple[str, list[str]]) -> None:
        created = time.monotonic_ns()
        running = _Running(pid, pidfd, channel, debris)
        self._running[pidfd] = self._running[channel.fileno()] = running
        self._poll.register(pidfd, select.EPOLLIN)
        self._poll.register(channel, select.EPOLLRDHUP)
        _answer(channel, ("created", pid, created), [pidfd])

    def _event(self, descriptor: int) -> None:
        running = self._running[descriptor]
        if descriptor != running.pidfd:
            signal.pidfd_send_signal(running.pidfd, signal.SIGKILL)
            self._poll.modify(descriptor, 0)
            return
        _, status = os.waitpid(running.pid, 0)
        ended = time.monotonic_ns()
        _answer(running.channel, ("exited", os.waitstatus_to_exitcode(status), ended))
        self._forget(running)

    def _forget(self, running: _Running) -> None:
        for descriptor in (running.pidfd, running.channel.fileno()):
            self._poll.unregister(descriptor)
            del self._running[descriptor]
        os.close(running.pidfd)
        running.channel.close()

    def _end_all(self) -> None:
        remaining = {id(running): running for running in self._running.values()}.values()
        for running in remaining:
            signal.pidfd_send_signal(running.pidfd, signal.SIGKILL)
        for running in remaining:
            os.waitpid(running.pid, 0)
            directory, groups = running.debris
            teardown.remove_groups([os.path.dirname(group) for group in groups])  # noqa: PTH120
            if directory:
                teardown.remove_tree(directory)


def _join_and_run(
    channel: socket.socket,
    descriptors: list[int],
    flags: int,
    unified: str,
    groups: list[str],
    steps: list[tuple[object, ...]],
) -> NoReturn:
    """Enter a container's namespaces and run the steps in a process born there; end as it ends."""
    *stdio, pidfd = descriptors
    child = Child(channel, stdio)
    try:
        child.open_groups(groups)
        group = os.open(unified, os.O_PATH | os.O_DIRECTORY | os.O_CLOEXEC) if unified else -1
        syscalls.setns(pidfd, flags)
        pid, _ = syscalls.clone3(0, exit_signal=signal.SIGCHLD, cgroup=group)
    except OSError as error:
        wire.send(channel, ("failed", "join", error.errno or 0, ""))
        os._exit(SETUP_FAILED)
    if pid == 0:
        child.run([("join_groups",), *steps])
    syscalls.close_range(3, 0xFFFFFFFF, 0)
    _, status = os.waitpid(pid, 0)
    code = os.waitstatus_to_exitcode(status)
    os._exit(code if code >= 0 else 128 - code)


def _answer(channel: socket.socket, message: object, descriptors: tuple[int, ...] | list[int] = ()) -> None:
    try:
        wire.send(channel, message, descriptors)
    except (BrokenPipeError, ConnectionResetError):
        return


def main() -> None:
    """Serve on the socket whose descriptor is the first argument."""
    control = socket.socket(fileno=int(sys.argv[1]))
    os.set_inheritable(control.fileno(), False)
    signal.signal(signal.SIGPIPE, signal.SIG_DFL)
    signal.signal(signal.SIGXFSZ, signal.SIG_DFL)
    signal.signal(signal.SIGINT, signal.SIG_DFL)
    os.umask(0)
    syscalls.unshare(syscalls.CLONE_NEWNS)
    syscalls.mount_setattr(syscalls.AT_FDCWD, "/", propagation=syscalls.MS_SLAVE, recursive=True)
    os.chdir("/")
    gc.disable()
    gc.freeze()
    Launcher(control).serve()


if __name__ == "__main__":
    main()
