# ruff: noqa: PTH102, PTH106, PTH123 - plain strings and descriptors, as in system calls
"""Reading and writing the small files of control groups, with errors a person understands."""

import os
from collections.abc import Iterator
from contextlib import suppress

from runtime.errors import CgroupError


def write(path: str, value: str) -> None:
    """Write one value with a single system call.

    Raises:
        CgroupError: the kernel refuses, or access does.
    """
    try:
        descriptor = os.open(path, os.O_WRONLY | os.O_CLOEXEC)
        try:
            os.write(descriptor, value.encode())
        finally:
            os.close(descriptor)
    except OSError as error:
        raise refused(f"write {value} to {path}", error) from error


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


def keyed(path: str) -> dict[str, int]:
    """A flat keyed file, such as memory.events.

    Raises:
        CgroupError: the group is gone or unreadable.
    """
    return {key: int(value) for key, value in (line.split() for line in read(path).splitlines())}


def make(path: str) -> None:
    """Make one group.

    Raises:
        CgroupError: no write access, or the name exists.
    """
    try:
        os.mkdir(path, 0o755)
    except OSError as error:
        raise refused(f"make {path}", error) from error


def remove_if_empty(path: str) -> None:
    """Remove a group that has no groups below and no processes."""
    with suppress(OSError):
        os.rmdir(path)


def below(path: str) -> Iterator[str]:
    """The group and all groups below, deepest first; nothing when there is no such group."""
    try:
        entries = [entry.path for entry in os.scandir(path) if entry.is_dir(follow_symlinks=False)]
    except FileNotFoundError:
        return
    for entry in entries:
        yield from below(entry)
    yield path


def refused(what: str, error: OSError) -> CgroupError:
    """The error for a system call on a control group."""
    return CgroupError(
        f"can't {what}: {error.strerror}", "run as root or in a delegated group, see `tarebox doctor`"
    )
