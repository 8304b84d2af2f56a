# ruff: noqa: PTH100, PTH110, PTH116 - plain strings and descriptors, as in system calls
"""The process that keeps an ordinary user's namespaces while no command runs; started by `entering`.

It has the host's network namespace, and pins one for containers at `network` in its directory, which
slirp4netns connects. It ends, and all of it with it, when nothing has been in its namespaces for a while.
"""

import os
import sys
import time
from typing import NoReturn

from runtime import interface, syscalls
from runtime.network import files
from runtime.rootless import record
from runtime.rootless.connection import Connection

IDLE = 15.0
"""Seconds after the last command before it ends: those in a row needn't start one each."""


def main() -> NoReturn:
    """Become the holder of the directory that is the first argument, over a socket that is the second.

    What is said there: `unshared` from here and one byte from the other side once ids are mapped, both only
    where the third argument is `new`; then `ready`, or `failed` with step and errno, and the end.
    """
    directory, channel, kind = sys.argv[1], int(sys.argv[2]), sys.argv[3]
    step = "unshare"
    try:
        if kind == "new":
            syscalls.unshare(syscalls.CLONE_NEWUSER | syscalls.CLONE_NEWNS)
            os.write(channel, b"unshared")
            if not os.read(channel, 1):
                sys.exit(1)
            step = "mount"
            syscalls.mount_setattr(syscalls.AT_FDCWD, "/", propagation=syscalls.MS_SLAVE, recursive=True)
        os.chdir(directory)
        step = "network"
        if not _is_pinned():
            _pin_network()
        connection = Connection()
        record.own().save(".")
        os.write(channel, b"ready")
    except OSError as error:
        os.write(channel, f"failed {step} {error.errno}".encode())
        sys.exit(1)
    os.close(channel)
    connection.start(record.NETWORK)
    _keep(connection)
    sys.exit(0)


def _is_pinned() -> bool:
    """Whether a holder before this one has left a network namespace in this mount namespace."""
    return (
        os.path.exists(record.NETWORK)
        and os.stat(record.NETWORK).st_dev == os.stat("/proc/self/ns/net").st_dev
    )


def _pin_network() -> None:
    """Make a network namespace that lives as long as this mount namespace."""
    os.close(os.open(record.NETWORK, os.O_WRONLY | os.O_CREAT | os.O_CLOEXEC, 0o600))
    ours, theirs = os.pipe2(os.O_CLOEXEC)
    until, let_go = os.pipe2(os.O_CLOEXEC)
    # There is no way back from it into the host's.
    pid = os.fork()
    if pid == 0:
        _in_network(theirs, until, let_go)
    try:
        os.close(theirs)
        os.close(until)
        if answer := os.read(ours, 16):
            raise OSError(int(answer), os.strerror(int(answer)))
        tree = syscalls.open_tree(syscalls.AT_FDCWD, f"/proc/{pid}/ns/net", syscalls.OPEN_TREE_CLONE)
        syscalls.move_mount(tree, syscalls.AT_FDCWD, os.path.abspath(record.NETWORK))
        os.close(tree)
    finally:
        os.close(ours)
        os.close(let_go)
        os.waitpid(pid, 0)


def _in_network(answer: int, until: int, let_go: int) -> NoReturn:
    try:
        os.close(let_go)
        syscalls.unshare(syscalls.CLONE_NEWNET)
        interface.up("lo")
        os.close(answer)
        os.read(until, 1)
    except OSError as error:
        os.write(answer, str(error.errno).encode())
    finally:
        os._exit(0)


def _keep(connection: Connection) -> None:
    """Wait until nothing is in the namespaces any more, and take them off the record."""
    own = record.own()
    while True:
        if pid := _member(own):
            _await(pid, connection)
            continue
        if (left := _last_entered() + IDLE - time.time()) > 0:
            connection.watch(left)
            continue
        with files.locked(record.LOCK):
            if _last_entered() + IDLE > time.time() or _member(own):
                continue
            record.forget(".")
            return


def _member(own: record.Holder) -> int:
    """A process of another session in the namespaces, 0 without one."""
    session = os.getsid(0)
    for pid in record.processes(own.namespaces[0]):
        try:
            if os.getsid(pid) != session:
                return pid
        except ProcessLookupError:
            continue
    return 0


def _await(pid: int, connection: Connection) -> None:
    try:
        descriptor = os.pidfd_open(pid)
    except ProcessLookupError:
        return
    try:
        connection.watch(None, descriptor)
    finally:
        os.close(descriptor)


def _last_entered() -> float:
    return os.stat(record.LOCK).st_mtime


def command(directory: str, channel: int, kind: str) -> list[str]:
    """The words to start it with, by an interpreter of its own; `kind` is `new` or `again`."""
    project = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))  # noqa: PTH120
    code = "import sys; sys.path.insert(0, sys.argv.pop(1)); from runtime.rootless.holder import main; main()"
    return [sys.executable, "-S", "-I", "-c", code, project, directory, str(channel), kind]
