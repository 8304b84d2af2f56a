"""Removing trees of strangers: as deep as they like, with few descriptors and no recursion."""

import errno
import os

_DIRECTORY = os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC


def remove_tree(parent: int, name: bytes) -> None:
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
                for entry in map(os.fsencode, os.listdir(directory)):  # noqa: PTH208 - of a descriptor
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
    except NotADirectoryError:
        os.unlink(entry, dir_fd=directory)
    except OSError as error:
        if error.errno != errno.ENOTEMPTY:
            raise
        return False
    return True
