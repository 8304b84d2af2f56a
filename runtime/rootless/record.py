# ruff: noqa: PTH115, PTH123, PTH208 - plain strings and descriptors, as in system calls
"""Which namespaces a state has, and who is in them.

They are known by the numbers the kernel gave them, so that any process in them leads there: the holder, or
the monitor of a container should the holder have been killed.
"""

import os
from collections.abc import Iterator
from contextlib import suppress

from runtime import syscalls
from runtime.network import files
from runtime.network.owner import started

LOCK = "lock"
"""Of the holder's directory; changed whenever a command enters."""
NETWORK = "network"
"""Where the containers' network namespace is pinned there."""
_KINDS = ("user", "mnt")


class Holder:
    """A holder as it is on record.

    Args:
        pid: its process id.
        began: when it started, see runtime.network.owner.started.
        boot: the boot it belongs to, see random(4).
        namespaces: its user and mount namespace, as /proc/PID/ns has them.
    """

    def __init__(self, pid: int, began: int, boot: str, namespaces: list[str]) -> None:
        self.pid = pid
        self.began = began
        self.boot = boot
        self.namespaces = namespaces

    def save(self, directory: str) -> None:
        """Put it on record."""
        files.write_json(_path(directory), vars(self))

    def pidfd(self) -> int:
        """A pidfd of the process, -1 once it has ended."""
        try:
            descriptor = os.pidfd_open(self.pid)
        except ProcessLookupError:
            return -1
        if started(self.pid) != self.began:
            os.close(descriptor)
            return -1
        return descriptor

    def member(self) -> int:
        """A pidfd of any process in its namespaces, -1 without one."""
        for pid in processes(self.namespaces[0]):
            try:
                descriptor = os.pidfd_open(pid)
            except ProcessLookupError:
                continue
            if namespaces(pid) == self.namespaces:
                return descriptor
            os.close(descriptor)
        return -1


def own() -> Holder:
    """This process as a holder."""
    pid = os.getpid()
    return Holder(pid, started(pid), _boot(), namespaces(pid))


def load(directory: str) -> Holder | None:
    """The holder on record, None without one of this boot."""
    try:
        found = Holder(**files.read(_path(directory)))
    except FileNotFoundError:
        return None
    return found if found.boot == _boot() else None


def forget(directory: str) -> None:
    """Remove the files of a holder that ends, from within its namespaces, but for the lock that is held."""
    with suppress(OSError):
        syscalls.umount2(f"{directory}/{NETWORK}", syscalls.MNT_DETACH)
    for name in os.listdir(directory):
        if name != LOCK:
            files.remove(f"{directory}/{name}")


def namespaces(pid: int) -> list[str]:
    """The namespaces of a process, none where they can't be seen."""
    try:
        return [os.readlink(f"/proc/{pid}/ns/{kind}") for kind in _KINDS]
    except OSError:
        return []


def processes(user_namespace: str) -> Iterator[int]:
    """Ids of the processes in a user namespace."""
    for name in os.listdir("/proc"):
        try:
            if name.isdigit() and os.readlink(f"/proc/{name}/ns/user") == user_namespace:
                yield int(name)
        except OSError:
            continue


def _path(directory: str) -> str:
    return f"{directory}/holder.json"


def _boot() -> str:
    with open("/proc/sys/kernel/random/boot_id") as file:
        return file.read().strip()
