"""What drivers share whose layers and containers are each a whole tree: copies and snapshots."""

import os
import stat
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from runtime import teardown
from runtime.storage import compare, tree
from runtime.storage.protocol import ROOT, Owner, Root
from runtime.storage.store import Store, like, measure, opened


class Whole(Store):
    """See Driver. A layer and a container are `fs`, with the files of all layers below."""

    def _root(self, container: str) -> Root:
        self._chain(container)
        return Root(directory=self._containers / container / "fs")

    @contextmanager
    def opened(self, container: str) -> Iterator[int]:
        """See Driver."""
        self._chain(container)
        with opened(self._containers / container / "fs") as descriptor:
            yield descriptor

    @contextmanager
    def _compared(self, container: str) -> Iterator[tuple[int, int, bool]]:
        image = self._lowers(self._chain(container))[0]
        with opened(self._containers / container / "fs") as after, opened(image) as before:
            yield after, before, False

    def container_bytes(self, container: str) -> int:
        """See Driver."""
        try:
            return measure(self._containers / container / "fs", unshared=True)
        except FileNotFoundError:
            return 0

    def _fill_layer(self, new: Path, parent: Path | None, unpack: Callable[[Path], None]) -> None:
        self._grow(new / "fs", parent)
        add(new / "fs", unpack)
        (new / "bytes").write_text(str(measure(new / "fs", unshared=True)))

    def _fill_container(self, new: Path, lowers: tuple[Path, ...], owner: Owner) -> None:
        self._grow(new / "fs", lowers[0])
        if owner != ROOT:
            os.chown(new, *owner)

    def _grow(self, fs: Path, origin: Path | None) -> None:
        """Make `fs`, with all that is in its origin."""
        raise NotImplementedError


def add(files: Path, unpack: Callable[[Path], None]) -> None:
    """Put a layer over the tree that it changes.

    Args:
        files: the tree.
        unpack: fills a directory with the layer, whiteouts as the overlay filesystem has them.

    Raises:
        OSError: something can't be read or written.
        TareError: what `unpack` raises.
    """
    # Inside, as nothing can be moved into a subvolume, under a name that no layer has.
    added = files / f".added-{os.urandom(8).hex()}"
    added.mkdir()
    like(added, files)
    unpack(added)
    with opened(added) as source, opened(files) as target:
        _merge(source, target)
        status = added.stat()
    like(files, added)
    teardown.remove_tree(str(added))
    os.utime(files, ns=(status.st_atime_ns, status.st_mtime_ns))


def _merge(source: int, target: int) -> None:
    """Move a layer's files into the tree it changes, and carry out its whiteouts."""
    times = []
    for path, descriptor, found in tree.walk(source):
        with tree.directory(target, path) as into:
            for name, entry in found:
                if compare.is_whiteout(entry):
                    tree.remove(into, name)
                elif stat.S_ISDIR(entry.st_mode):
                    if compare.is_opaque(descriptor, name) or _is_file(into, name):
                        tree.remove(into, name)
                    tree.copy_entry(descriptor, name, into, name)
                    for key in compare.OPAQUE:
                        # An ordinary user may not even remove one that is missing.
                        if tree.attribute(into, name, key):
                            tree.remove_attribute(into, name, key)
                    times.append((f"{path}/{name}", entry))
                else:
                    tree.remove(into, name)
                    os.rename(name, name, src_dir_fd=descriptor, dst_dir_fd=into)
    tree.set_times(target, times)


def _is_file(parent: int, name: str) -> bool:
    try:
        return not stat.S_ISDIR(tree.status(parent, name).st_mode)
    except FileNotFoundError:
        return False
