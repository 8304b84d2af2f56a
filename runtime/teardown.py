# ruff: noqa: PTH106, PTH208 - plain strings and descriptors, as in system calls
"""Removing what a container left on the host: its directory and its control groups.

The launcher imports this module, so it imports nothing slow.
"""

from __future__ import annotations

import os
import stat

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Sequence


def remove_tree(path: str) -> None:
    """Remove a directory with all below it, symbolic links not followed; a missing one is fine.

    Raises:
        OSError: something below can't be removed.
    """
    parent, name = os.path.split(path)
    try:
        directory = os.open(parent, os.O_PATH | os.O_DIRECTORY | os.O_CLOEXEC)
    except FileNotFoundError:
        return
    try:
        _remove(name, directory)
    finally:
        os.close(directory)


def _remove(name: str, parent: int) -> None:
    try:
        os.rmdir(name, dir_fd=parent)
        return
    except FileNotFoundError:
        return
    except NotADirectoryError:
        os.unlink(name, dir_fd=parent)
        return
    except OSError:
        if not stat.S_ISDIR(os.stat(name, dir_fd=parent, follow_symlinks=False).st_mode):
            raise
    directory = os.open(name, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC, dir_fd=parent)
    try:
        for entry in os.listdir(directory):
            _remove(entry, directory)
    finally:
        os.close(directory)
    os.rmdir(name, dir_fd=parent)


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
