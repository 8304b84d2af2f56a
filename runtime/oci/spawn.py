"""Cloning a container's first process, or one that joins it, and following it up to its command."""

from __future__ import annotations

import os
import select
import sys

from runtime import light, syscalls, wire
from runtime.oci.errors import OciError
from runtime.oci.failures import setup_failure
from runtime.oci.init import Init
from runtime.steps.base import SETUP_FAILED

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from typing import Any, NoReturn

    from runtime.steps.base import Step

    _Message = tuple[Any, list[int]]


_STOPPED_FOR = 3000
"""Milliseconds that a process may have to be continued in, as a hostile container may stop what joins it."""


class Child:
    """A process of ours on its way to its command.

    Attributes:
        pid: its id on the host.
        pidfd: its pidfd.
    """

    __slots__ = ("_channel", "_early", "pid", "pidfd")

    def __init__(
        self, channel: light.socket.socket, pid: int, pidfd: int, early: Sequence[_Message] = ()
    ) -> None:
        self._channel = channel
        self._early = list(early)
        self.pid = pid
        self.pidfd = pidfd

    def follow(self) -> tuple[str, list[int]]:
        """The next it reports, with descriptors; empty when it has become its command, or ended.

        Raises:
            TareError: a step failed, or another process of the container has stopped it.
        """
        received = self._early.pop(0) if self._early else self._next()
        if received is None:
            return "", []
        (kind, *values), descriptors = received
        if kind == "failed":
            raise setup_failure(*values)
        return kind, descriptors

    def _next(self) -> _Message | None:
        poll = select.poll()
        poll.register(self._channel, select.POLLIN)
        while not poll.poll(_STOPPED_FOR):
            if os.waitid(os.P_PIDFD, self.pidfd, os.WSTOPPED | os.WNOHANG | os.WNOWAIT):
                raise OciError(
                    "the process was stopped before it could run its command", "see who sent SIGSTOP"
                )
        return _receive(self._channel)

    def go(self) -> None:
        """Let it go past where it waits for its id mapping, or for the container to be on record."""
        self._channel.send(b"g", light.socket.MSG_NOSIGNAL)

    def answer(self, value: Any) -> None:
        """Answer what it waits for after a report."""
        wire.send(self._channel, value)

    def leave(self) -> None:
        """Follow it no further."""
        self._channel.close()

    def end(self) -> None:
        """Kill it and wait for its end, where it is this process's child."""
        self.signal(light.signal.SIGKILL)
        self.wait()

    def signal(self, number: int) -> None:
        """Send it a signal; its having ended is no fault."""
        try:
            light.signal.pidfd_send_signal(self.pidfd, number)
        except ProcessLookupError:
            return

    def wait(self) -> int:
        """Its exit status, 128+n for signal n; see waitid(2)."""
        try:
            ended = os.waitid(os.P_PIDFD, self.pidfd, os.WEXITED)
        except ChildProcessError:
            return 0
        if ended is None:
            return 0
        return ended.si_status if ended.si_code == os.CLD_EXITED else 128 + ended.si_status


def first(
    steps: Sequence[Step],
    flags: int,
    *,
    joined: Sequence[tuple[int, str]],
    offsets: str,
    unified: str,
    result: int,
    lock: int,
    map_ids: Callable[[int], None],
) -> Child:
    """Clone a container's first process.

    Args:
        steps: its plan.
        flags: CLONE_NEW* flags of the namespaces to be made.
        joined: (flag, path) of namespaces to be joined before.
        offsets: text for /proc/self/timens_offsets, or an empty string.
        unified: directory of the version 2 group to be born in, or an empty string.
        result: descriptor for a late failure, or -1.
        lock: descriptor of the record's lock, which the child must not hold.
        map_ids: maps the ids of the user namespace of a process.

    Raises:
        TareError: a namespace can't be made or joined.
    """
    group = _open_group(unified)
    try:
        if joined or offsets:
            return _staged(steps, flags, joined, offsets, group, result, lock, map_ids)
        ours, theirs = light.socket.socketpair()
        try:
            pid, pidfd = syscalls.clone3(flags, exit_signal=light.signal.SIGCHLD, cgroup=group)
        except OSError as error:
            raise setup_failure("clone", error.errno or 0, "") from error
        if pid == 0:
            ours.close()
            os.close(lock)
            init = Init(theirs, result)
            _become(init, [("close_inherited", _preserved(steps)), *steps])
        theirs.close()
        child = Child(ours, pid, pidfd)
        if flags & syscalls.CLONE_NEWUSER:
            _map(child, map_ids)
        return child
    finally:
        if group >= 0:
            os.close(group)


def _become(init: Init, steps: Sequence[Step]) -> NoReturn:
    # What has entered an image must never import from it.
    sys.meta_path.clear()
    os.umask(0)
    signals = light.signal
    signals.pthread_sigmask(signals.SIG_SETMASK, ())
    for number in (signals.SIGPIPE, signals.SIGXFSZ):
        # The interpreter ignores these, which an exec would pass on.
        signals.signal(number, signals.SIG_DFL)
    init.run(steps)


def _open_group(unified: str) -> int:
    """The group to be born in; who takes the descriptor from the new process finds no way up to the host."""
    if not unified:
        return -1
    try:
        tree = syscalls.open_tree(syscalls.AT_FDCWD, unified, syscalls.OPEN_TREE_CLONE)
        syscalls.mount_setattr(tree, "", attributes=syscalls.MOUNT_ATTR_RDONLY)
    except PermissionError:
        return os.open(unified, os.O_PATH | os.O_DIRECTORY | os.O_CLOEXEC)
    return tree


def _preserved(steps: Sequence[Step]) -> int:
    """How many of the caller's descriptors the command is to have, which is the last step."""
    preserved: Any = steps[-1][-1]
    return int(preserved)


def _map(child: Child, map_ids: Callable[[int], None]) -> None:
    try:
        map_ids(child.pid)
        child.go()
    except BaseException:
        child.end()
        raise


def _staged(
    steps: Sequence[Step],
    flags: int,
    joined: Sequence[tuple[int, str]],
    offsets: str,
    group: int,
    result: int,
    lock: int,
    map_ids: Callable[[int], None],
) -> Child:
    """Clone through a process that joins namespaces first; what it leaves behind is our child too."""
    ours, theirs = light.socket.socketpair()
    pid, pidfd = syscalls.clone3(0, exit_signal=light.signal.SIGCHLD)
    if pid == 0:
        ours.close()
        os.close(lock)
        _stage(theirs, steps, flags, joined, offsets, group, result)
    theirs.close()
    stage = Child(ours, pid, pidfd)
    try:
        return _through(stage, ours, flags, map_ids)
    finally:
        stage.wait()
        os.close(pidfd)


def _through(stage: Child, channel: light.socket.socket, flags: int, map_ids: Callable[[int], None]) -> Child:
    early: list[_Message] = []
    while True:
        received = _receive(channel)
        if received is None:
            raise setup_failure("join", 0, "the process that joins the namespaces has ended")
        (kind, *values), descriptors = received
        if kind == "failed":
            raise setup_failure(*values)
        if kind == "map":
            _map(stage, map_ids)
            flags &= ~syscalls.CLONE_NEWUSER
            continue
        if kind != "created":
            # The child may be faster than the one that made it.
            early.append(received)
            continue
        child = Child(channel, values[0], descriptors[0], early)
        if flags & syscalls.CLONE_NEWUSER:
            _map(child, map_ids)
        return child


def _stage(
    channel: light.socket.socket,
    steps: Sequence[Step],
    flags: int,
    joined: Sequence[tuple[int, str]],
    offsets: str,
    group: int,
    result: int,
) -> NoReturn:
    init = Init(channel, result)
    what, detail = "join", ""
    try:
        # The container that is joined must not see what the caller left open.
        init.close_inherited(_preserved(steps))
        syscalls.prctl(syscalls.PR_SET_DUMPABLE, 0)
        opened = [(flag, path, os.open(path, os.O_RDONLY | os.O_CLOEXEC)) for flag, path in joined]
        for flag, path, descriptor in _ordered(opened):
            detail = path
            syscalls.setns(descriptor, flag)
            os.close(descriptor)
        init.is_among_strangers = any(flag == syscalls.CLONE_NEWNS for flag, _ in joined)
        if offsets:
            what, detail = "time offsets", ""
            flags, steps = _shift_time(channel, flags, offsets, steps)
        what = "clone"
        pid, pidfd = syscalls.clone3(flags | syscalls.CLONE_PARENT, exit_signal=0, cgroup=group)
        if pid == 0:
            _become(init, steps)
        wire.send(channel, ("created", pid), (pidfd,))
        os._exit(0)
    except OSError as error:
        wire.send(channel, ("failed", what, error.errno or 0, error.filename or detail))
    finally:
        os._exit(SETUP_FAILED)


def _ordered(opened: Sequence[tuple[int, str, int]]) -> Sequence[tuple[int, str, int]]:
    """The user namespace last for root, who may join the others from outside, and first for others."""
    is_root = os.geteuid() == 0
    return sorted(opened, key=lambda entry: (entry[0] == syscalls.CLONE_NEWUSER) == is_root)


def _shift_time(
    channel: light.socket.socket, flags: int, offsets: str, steps: Sequence[Step]
) -> tuple[int, Sequence[Step]]:
    """Set the clocks of a new time namespace, which has to be done before anything runs in it."""
    if flags & syscalls.CLONE_NEWUSER:
        syscalls.unshare(syscalls.CLONE_NEWUSER)
        wire.send(channel, ("map",))
        if not channel.recv(1):
            os._exit(SETUP_FAILED)
        steps = [step for step in steps if step[0] != "await_go"]
    syscalls.unshare(syscalls.CLONE_NEWTIME)
    descriptor = os.open("/proc/self/timens_offsets", os.O_WRONLY | os.O_CLOEXEC)
    os.write(descriptor, offsets.encode())
    os.close(descriptor)
    return flags & ~(syscalls.CLONE_NEWUSER | syscalls.CLONE_NEWTIME), steps


def joining(
    pidfd: int,
    flags: int,
    steps: Sequence[Step],
    *,
    before: Sequence[Step],
    unified: str,
    groups: Sequence[str],
) -> Child:
    """Clone a process into the namespaces of a running one.

    Args:
        pidfd: of the container's first process.
        flags: CLONE_NEW* flags of the namespaces to be joined.
        steps: its plan.
        before: steps that need the host's /proc and are inherited.
        unified: directory of the version 2 group to be born in, or an empty string.
        groups: files of version 1 groups to join.

    Raises:
        TareError: a namespace can't be joined.
    """
    ours, theirs = light.socket.socketpair()
    pid, own = syscalls.clone3(0, exit_signal=light.signal.SIGCHLD)
    if pid == 0:
        ours.close()
        _join(theirs, pidfd, flags, steps, before, unified, groups)
    theirs.close()
    stage = Child(ours, pid, own)
    try:
        return _through(stage, ours, 0, lambda _: None)
    finally:
        stage.wait()
        os.close(own)


def _join(
    channel: light.socket.socket,
    pidfd: int,
    flags: int,
    steps: Sequence[Step],
    before: Sequence[Step],
    unified: str,
    groups: Sequence[str],
) -> NoReturn:
    init = Init(channel)
    what = "open_groups"
    try:
        init.close_inherited(_preserved(steps))
        init.perform(before)
        syscalls.prctl(syscalls.PR_SET_DUMPABLE, 0)
        init.open_groups(groups)
        group = _open_group(unified)
        what = "join"
        # Beyond its cgroup namespace nothing may be born into a delegated group, see cgroups(7), nsdelegate.
        later = flags & syscalls.CLONE_NEWCGROUP
        syscalls.setns(pidfd, flags & ~later)
        pid, created = syscalls.clone3(syscalls.CLONE_PARENT, exit_signal=0, cgroup=group)
        if pid == 0:
            if group >= 0:
                os.close(group)
            if later:
                syscalls.setns(pidfd, later)
            _become(init, [("join_groups",), *steps])
        wire.send(channel, ("created", pid), (created,))
        os._exit(0)
    except OSError as error:
        wire.send(channel, ("failed", what, error.errno or 0, ""))
    finally:
        os._exit(SETUP_FAILED)


def _receive(channel: light.socket.socket) -> _Message | None:
    try:
        return wire.receive(channel)
    except ConnectionResetError:
        return None
