# ruff: noqa: PTH106, PTH208 - plain strings and descriptors, as in system calls
"""Removing what a container left on the host: its directory and its control groups.

The launcher imports this module, so it imports nothing slow.
"""

from __future__ import annotations

import errno
import os

_DIRECTORY = os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Sequence


def remove_tree(path: str) -> None:
    """Remove a directory with all below it, as deep as it likes; a missing one is fine.

    Raises:
        OSError: something below can't be removed.
    """
    parent, name = os.path.split(path)
    try:
        directory = os.open(parent, os.O_PATH | os.O_DIRECTORY | os.O_CLOEXEC)
    except FileNotFoundError:
        return
    try:
        if not _removed(directory, os.fsencode(name)):
            remove_below(directory, os.fsencode(name))
    finally:
        os.close(directory)


def remove_below(parent: int, name: bytes) -> None:
    """Remove a directory with all below it, symbolic links not followed.

    A directory inside that isn't empty is moved up first, so that the tree never has to be descended.

    Args:
        parent: descriptor of the directory it is in.
        name: its name there.

    Raises:
        OSError: something below can't be removed.
    """
    top = os.open(name, _DIRECTORY, dir_fd=parent)
    try:
        unused, moved = os.urandom(16).hex().encode(), 0
        pending = [b"."]
        while pending:
            path = pending.pop()
            directory = os.open(path, _DIRECTORY, dir_fd=top)
            try:
                for entry in map(os.fsencode, os.listdir(directory)):
                    if not _removed(directory, entry):
                        moved += 1
                        aside = b"%s-%d" % (unused, moved)
                        os.rename(entry, aside, src_dir_fd=directory, dst_dir_fd=top)
                        pending.append(aside)
            finally:
                os.close(directory)
            if path != b".":
                os.rmdir(path, dir_fd=top)
    finally:
        os.close(top)
    os.rmdir(name, dir_fd=parent)


def _removed(directory: int, entry: bytes) -> bool:
    """Remove what can go at once: all but directories that aren't empty."""
    try:
        os.rmdir(entry, dir_fd=directory)
    except FileNotFoundError:
        return True
    except NotADirectoryError:
        os.unlink(entry, dir_fd=directory)
    except OSError as error:
        if error.errno not in (errno.ENOTEMPTY, errno.EEXIST):
            raise
        return False
    return True


def remove_groups(paths: Sequence[str]) -> None:
    """Remove control groups without processes, with the groups made below them.

    Raises:
        OSError: a group still has processes (EBUSY).
    """
    for path in paths:
        try:
            os.rmdir(path)
        except FileNotFoundError:
            continue
        except OSError:
            below = [entry.path for entry in os.scandir(path) if entry.is_dir(follow_symlinks=False)]
            if not below:
                raise
            remove_groups(below)
            os.rmdir(path)
