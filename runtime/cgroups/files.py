# ruff: noqa: PTH102, PTH106, PTH123 - plain strings and descriptors, as in system calls
"""Reading and writing the small files of control groups, with errors a person understands."""

from __future__ import annotations

import errno
import os
import select

from runtime.errors import CgroupError

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

EVENT_TIMEOUT = 10.0
"""Seconds within which the kernel freezes a group or lets go of killed processes."""


_VALUES = (errno.EINVAL, errno.ERANGE, errno.ENODEV)
_ACCESS = "run as root or in a delegated group, see `tarebox doctor`"


def write(path: str, *values: str) -> None:
    """Write values, each with a system call of its own.

    Raises:
        CgroupError: the kernel refuses one, or access does.
    """
    value = ""
    try:
        descriptor = os.open(path, os.O_WRONLY | os.O_CLOEXEC)
        try:
            for value in values:
                os.write(descriptor, value.encode())
        finally:
            os.close(descriptor)
    except OSError as error:
        raise refused(f"write {value or values[0]} to {path}", error) from error


def settle(directory: str, values: Sequence[tuple[str, str]]) -> None:
    """Write values, each into its file, in whatever order the kernel takes them.

    It checks some against each other, such as memory against memory with swap: what it finds invalid at first
    is tried again after the others.

    Args:
        directory: the group.
        values: file names and what goes in.

    Raises:
        CgroupError: the kernel refuses a value, or access does.
    """
    pending = list(values)
    while pending:
        invalid: list[tuple[str, str]] = []
        for name, value in pending:
            try:
                write(f"{directory}/{name}", value)
            except CgroupError as refusal:
                cause = refusal.__cause__
                is_last = len(invalid) + 1 == len(pending)
                if is_last or not isinstance(cause, OSError) or cause.errno != errno.EINVAL:
                    raise
                invalid.append((name, value))
        pending = invalid


def read(path: str) -> str:
    """The whole text.

    Raises:
        CgroupError: the group is gone or unreadable.
    """
    try:
        with open(path) as file:
            return file.read()
    except OSError as error:
        raise refused(f"read {path}", error) from error


def read_if_there(path: str) -> str:
    """The whole text, empty where there is no such file or group."""
    try:
        with open(path) as file:
            return file.read()
    except OSError:
        return ""


def keyed(path: str) -> dict[str, int]:
    """A flat keyed file, such as memory.events.

    Raises:
        CgroupError: the group is gone or unreadable.
    """
    return {key: int(value) for key, value in (line.split() for line in read(path).splitlines())}


def await_event(directory: str, key: str, value: int) -> bool:
    """Wait until a key of a version 2 group's cgroup.events has a value; see the kernel's cgroup-v2.

    Returns:
        False: it hasn't after EVENT_TIMEOUT. A group that is gone has every value.
    """
    try:
        descriptor = os.open(f"{directory}/cgroup.events", os.O_RDONLY | os.O_CLOEXEC)
    except OSError:
        return True
    try:
        poll = select.poll()
        poll.register(descriptor, select.POLLPRI)
        while f"{key} {value}" not in os.pread(descriptor, 4096, 0).decode().split("\n"):
            if not poll.poll(EVENT_TIMEOUT * 1000):
                return False
    except OSError as error:
        if error.errno != errno.ENODEV:
            raise
    finally:
        os.close(descriptor)
    return True


def make(path: str) -> None:
    """Make one group.

    Raises:
        CgroupError: no write access, or the name exists.
    """
    try:
        os.mkdir(path, 0o755)
    except OSError as error:
        raise refused(f"make {path}", error) from error


def remove_if_empty(path: str) -> bool:
    """Remove a group that has no groups below and no processes; whether it could be."""
    try:
        os.rmdir(path)
    except OSError:
        return False
    return True


def remove_started(parent: str) -> None:
    """Remove an engine's group, and the empty ones in it that carry its name, as its containers' do."""
    name = parent.rpartition("/")[2]
    try:
        inside = [entry.path for entry in os.scandir(parent) if entry.name.startswith(f"{name}-")]
    except FileNotFoundError:
        return
    for path in (*inside, parent):
        remove_if_empty(path)


def below(path: str) -> Iterator[str]:
    """The group and all groups below, deepest first; nothing when there is no such group."""
    try:
        entries = [entry.path for entry in os.scandir(path) if entry.is_dir(follow_symlinks=False)]
    except FileNotFoundError:
        return
    for entry in entries:
        yield from below(entry)
    yield path


def missing(controller: str) -> CgroupError:
    """The error for a setting whose controller the host lacks."""
    return CgroupError(
        f"the host has no {controller} controller", "mount or delegate it, see `tarebox doctor`"
    )


def refused(what: str, error: OSError) -> CgroupError:
    """The error for a system call on a control group."""
    return CgroupError(
        f"can't {what}: {error.strerror}",
        "choose a value this host has" if error.errno in _VALUES else _ACCESS,
    )
