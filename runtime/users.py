# ruff: noqa: PTH123 - plain strings and descriptors, as in system calls
"""User and group names as the image knows them; see passwd(5), group(5)."""

import os
import stat
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

from runtime import syscalls
from tare.errors import UsageError


@dataclass(frozen=True)
class Account:
    """Whom a command runs as.

    Args:
        home: directory of its passwd line; `/` when it has none.
        groups: supplementary ones.
    """

    uid: int
    gid: int
    home: str
    groups: tuple[int, ...] = ()


def lookup(rootfs: Path | Sequence[Path], user: str) -> tuple[int, int]:
    """Ids of `USER[:GROUP]`; see `account`."""
    found = account(rootfs, user)
    return found.uid, found.gid


def account(rootfs: Path | Sequence[Path], user: str, groups: Iterable[str] = ()) -> Account:
    """The account of `USER[:GROUP]`, numbers or names of the image's /etc/passwd and /etc/group.

    A user without a group gets the group of its passwd line, or 0 when it has none, and is in the groups
    that list it.

    Args:
        rootfs: the root, or the directories of an overlay, top first.
        user: as people write it; empty for root.
        groups: further ones.

    Raises:
        UsageError: no such name.
    """
    layers = [rootfs] if isinstance(rootfs, Path) else rootfs
    name, _, group = (user or "0").partition(":")
    line = next(
        (fields for fields in _table(layers, "etc/passwd", 4) if name in (fields[0], fields[2])), None
    )
    if line is None and not _is_id(name):
        raise UsageError(f"no user {name!r} in the image", "give a number or a name from its /etc/passwd")
    known = _table(layers, "etc/group", 3)
    gid = _group(known, group) if group else int(line[3]) if line else 0
    also = [int(entry[2]) for entry in known if line and not group and line[0] in _members(entry)]
    also += [_group(known, each) for each in groups]
    home = line[5] if line and len(line) > 5 and line[5] else "/"
    return Account(int(line[2] if line else name), gid, home, tuple(dict.fromkeys(also)))


def _group(known: list[list[str]], name: str) -> int:
    if _is_id(name):
        return int(name)
    found = next((entry for entry in known if entry[0] == name), None)
    if found is None:
        raise UsageError(f"no group {name!r} in the image", "give a number or a name from its /etc/group")
    return int(found[2])


def _members(entry: list[str]) -> list[str]:
    return entry[3].split(",") if len(entry) > 3 else []


def _is_id(text: str) -> bool:
    return text.isascii() and text.isdigit() and int(text) < 1 << 32


def _table(layers: Sequence[Path], path: str, fields: int) -> list[list[str]]:
    """Lines of a file in the image; links in it are followed inside the image only."""
    descriptor = next((found for layer in layers if (found := _open(layer, path)) is not None), -1)
    if descriptor < 0:
        return []
    with open(descriptor, errors="replace") as file:
        lines = [line.rstrip("\n").split(":") for line in file]
    return [line for line in lines if len(line) >= fields and _is_id(line[2]) and _is_id(line[fields - 1])]


def _open(layer: Path, path: str) -> int | None:
    """A descriptor of the file in a layer; -1 when that says it is gone, None when it says nothing of it."""
    root = os.open(layer, os.O_PATH | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        resolve = syscalls.RESOLVE_IN_ROOT | syscalls.RESOLVE_NO_MAGICLINKS
        descriptor = syscalls.openat2(root, path, os.O_RDONLY | os.O_NONBLOCK, resolve=resolve)
    except FileNotFoundError:
        return None
    except OSError:
        # Nobody can open a whiteout, a character device.
        return -1
    finally:
        os.close(root)
    if not stat.S_ISREG(os.fstat(descriptor).st_mode):
        os.close(descriptor)
        return -1
    return descriptor
