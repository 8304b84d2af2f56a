"""What a container changed, as `docker diff` says it."""

import os
import stat
from collections.abc import Iterable, Iterator
from contextlib import contextmanager

from runtime.storage import skeleton, tree
from runtime.storage.protocol import Change

OPAQUE = ("trusted.overlay.opaque", "user.overlay.opaque", "user.fuseoverlayfs.opaque")
"""Attributes that hide what is below a directory, by who may set them."""
_OPAQUE_FILE = ".wh..wh..opq"
"""What fuse-overlayfs puts into such a directory besides."""
_CAPABILITY = "security.capability"
Entries = dict[str, os.stat_result]


def changes(after: int, before: int, *, is_upper: bool) -> Iterator[Change]:
    """The differences between two trees, in order of paths; a directory is changed when something in it is.

    Args:
        after: descriptor of the tree as it is now.
        before: descriptor of the image's.
        is_upper: whether `after` has only what differs, as an overlay's upper directory.

    Raises:
        OSError: something can't be read.
    """
    found = {change.path: change for change in _differences(after, before, is_upper)}
    for path in list(found):
        for parent in _parents(path):
            found.setdefault(parent, Change(parent, "C"))
    return iter(sorted(found.values()))


def is_whiteout(entry: os.stat_result) -> bool:
    """Whether it marks what was deleted: a character device 0/0; see the kernel's overlayfs.rst."""
    return stat.S_ISCHR(entry.st_mode) and entry.st_rdev == 0


def is_opaque(parent: int, name: str) -> bool:
    """Whether a directory of an upper hides what is below it."""
    return any(tree.attribute(parent, name, key) == b"y" for key in OPAQUE)


def _parents(path: str) -> Iterator[str]:
    while path := path.rpartition("/")[0]:
        yield path


def _differences(after: int, before: int, is_upper: bool) -> Iterator[Change]:
    # A directory, whether the image has it, and whether what is missing was deleted.
    pending = [("", True, not is_upper)]
    while pending:
        path, had, is_whole = pending.pop()
        with tree.directory(after, path) as descriptor, _original(before, path, had) as original:
            now: Entries = dict(tree.entries(descriptor))
            if is_upper:
                now.pop(_OPAQUE_FILE, None)
            then = _entries(original, now, is_whole)
            for name in then.keys() - now.keys():
                yield Change(f"{path}/{name}", "D")
            for name, entry in now.items():
                place, old = f"{path}/{name}", then.get(name)
                if is_upper and is_whiteout(entry):
                    if old:
                        yield Change(place, "D")
                    continue
                if not old and not skeleton.is_place(place, entry):
                    yield Change(place, "A")
                elif old and not (_same(entry, old) and _same_content(descriptor, original, name, entry)):
                    yield Change(place, "C")
                if stat.S_ISDIR(entry.st_mode):
                    is_below = old is not None and stat.S_ISDIR(old.st_mode)
                    pending.append((place, is_below, is_whole or is_opaque(descriptor, name)))


@contextmanager
def _original(before: int, path: str, had: bool) -> Iterator[int]:
    """The image's directory, or -1 where it has none."""
    if had:
        with tree.directory(before, path) as descriptor:
            yield descriptor
    else:
        yield -1


def _entries(directory: int, names: Iterable[str], is_whole: bool) -> Entries:
    if directory < 0:
        return {}
    return dict(tree.entries(directory) if is_whole else _named(directory, names))


def _named(directory: int, names: Iterable[str]) -> Iterator[tuple[str, os.stat_result]]:
    for name in names:
        try:
            yield name, tree.status(directory, name)
        except FileNotFoundError:
            continue


def _same(now: os.stat_result, then: os.stat_result) -> bool:
    if (now.st_mode, now.st_uid, now.st_gid) != (then.st_mode, then.st_uid, then.st_gid):
        return False
    if stat.S_ISDIR(now.st_mode):
        return True
    return (now.st_size, now.st_mtime_ns, now.st_rdev) == (then.st_size, then.st_mtime_ns, then.st_rdev)


def _same_content(after: int, before: int, name: str, entry: os.stat_result) -> bool:
    if stat.S_ISLNK(entry.st_mode):
        return os.readlink(name, dir_fd=after) == os.readlink(name, dir_fd=before)
    if not stat.S_ISREG(entry.st_mode):
        return True
    return tree.attribute(after, name, _CAPABILITY) == tree.attribute(before, name, _CAPABILITY)
