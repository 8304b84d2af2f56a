"""The changes of a container as a directory of their own, as an overlay's upper one."""

import os
import stat

from runtime.storage import compare, tree


def extract(after: int, before: int, into: int, *, is_upper: bool) -> None:
    """Copy what differs into an empty directory, with whiteouts for what is gone.

    Args:
        after: descriptor of the tree as it is now.
        before: descriptor of the image's.
        into: descriptor of the directory to fill.
        is_upper: whether `after` has only what differs already.

    Raises:
        OSError: something can't be read or written.
    """
    times = []
    linked: dict[tuple[int, int], str] = {}
    for change in compare.changes(after, before, is_upper=is_upper):
        parent, _, name = change.path.rpartition("/")
        with tree.directory(into, parent) as target:
            if change.kind == "D":
                os.mknod(name, stat.S_IFCHR, os.makedev(0, 0), dir_fd=target)
                continue
            with tree.directory(after, parent) as source:
                entry = tree.status(source, name)
                if stat.S_ISDIR(entry.st_mode):
                    times.append((change.path, entry))
                elif first := linked.get((entry.st_dev, entry.st_ino)):
                    tree.link(into, first, target, name)
                    continue
                elif entry.st_nlink > 1:
                    linked[entry.st_dev, entry.st_ino] = change.path
                tree.copy_entry(source, name, target, name)
    tree.set_times(into, times)
