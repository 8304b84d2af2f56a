# ruff: noqa: PTH123 - plain strings and descriptors, as in system calls
"""User and group names as the image knows them."""

import os
from pathlib import Path

from runtime import syscalls
from tare.errors import UsageError


def lookup(rootfs: Path, user: str) -> tuple[int, int]:
    """Ids of `USER[:GROUP]`, numbers or names of the image's /etc/passwd and /etc/group; see passwd(5).

    A user without a group gets the group of its passwd line, or 0 when it has none.

    Raises:
        UsageError: no such name.
    """
    name, _, group = user.partition(":")
    line = next(
        (fields for fields in _table(rootfs, "etc/passwd", 4) if name in (fields[0], fields[2])), None
    )
    if not name.isdecimal() and line is None:
        raise UsageError(f"no user {name!r} in the image", "give a number or a name from its /etc/passwd")
    uid = int(line[2] if line else name)
    if not group:
        return uid, int(line[3]) if line else 0
    if group.isdecimal():
        return uid, int(group)
    found = next((fields for fields in _table(rootfs, "etc/group", 3) if fields[0] == group), None)
    if found is None:
        raise UsageError(f"no group {group!r} in the image", "give a number or a name from its /etc/group")
    return uid, int(found[2])


def _table(rootfs: Path, path: str, fields: int) -> list[list[str]]:
    """Lines of a file in the image; links in it are followed inside the image only."""
    root = os.open(rootfs, os.O_PATH | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        resolve = syscalls.RESOLVE_IN_ROOT | syscalls.RESOLVE_NO_MAGICLINKS
        descriptor = syscalls.openat2(root, path, os.O_RDONLY, resolve=resolve)
    except OSError:
        return []
    finally:
        os.close(root)
    with open(descriptor, errors="replace") as file:
        lines = [line.rstrip("\n").split(":") for line in file]
    return [
        line for line in lines if len(line) >= fields and line[2].isdecimal() and line[fields - 1].isdecimal()
    ]
