"""Layers and containers on disk: made under another name, locked between processes, removed when unused."""

import ctypes
import errno
import os
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path

from runtime import teardown
from runtime.storage import compare, tree
from runtime.storage.extract import extract
from runtime.storage.locks import Locks
from runtime.storage.protocol import ROOT, Change, Owner, Root
from tare.errors import ImageError

_ALL = "all"
_FULL = (errno.ENOSPC, errno.EDQUOT)


class Store:
    """What all drivers share; a driver says how a layer is filled and a container's root is made.

    A layer is a directory `layers/ALGORITHM-HEX` with `fs`, its files; `below`, the chain ids under it,
    nearest first; and `bytes`, what it takes. A container is one with `chain`, the chain id it is based on,
    and what the driver puts there. What is being made or removed has `.new-` or `.old-` before its name, and
    is under the lock of the plain one.

    Args:
        directory: where everything is kept, of this driver alone.
        name: what mounts on the host are named by.
    """

    name = ""

    def __init__(self, directory: Path, name: str) -> None:
        self._directory = directory
        self._prefix = name
        self._layers = directory / "layers"
        self._containers = directory / "containers"
        for path in (self._layers, self._containers, directory / "empty"):
            path.mkdir(parents=True, exist_ok=True, mode=0o700)
        (directory / "empty").chmod(0o755)
        self._locks = Locks(directory / "lock")

    def add_layer(self, chain_id: str, parent: str | None, unpack: Callable[[Path], None]) -> None:
        """See Driver."""
        name = _file_name(chain_id)
        with self._locks.held(name):
            if self.has_layer(chain_id):
                return
            with self._made(self._layers, name, f"the layer {chain_id}") as new:
                with self._locks.held(_ALL):
                    below = (parent, *self._below(parent)) if parent else ()
                    new.mkdir(mode=0o700)
                    (new / "below").write_text("".join(f"{chain}\n" for chain in below))
                self._fill_layer(new, self._fs(parent) if parent else None, unpack)
                _sync(new)

    def has_layer(self, chain_id: str) -> bool:
        """See Driver."""
        return self._fs(chain_id).is_dir()

    def layers(self) -> tuple[str, ...]:
        """See Driver."""
        return tuple(name.replace("-", ":", 1) for name in _whole(self._layers))

    def remove_layer(self, chain_id: str) -> None:
        """See Driver."""
        self.sweep()
        name = _file_name(chain_id)
        with self._locks.held(name):
            with self._locks.held(_ALL):
                if users := list(self._users(chain_id)):
                    raise ImageError(f"the layer {chain_id} is in use by {users[0]}", "remove that first")
                if not self.has_layer(chain_id):
                    return
                old = self._layers / f".old-{name}"
                (self._layers / name).rename(old)
            self._delete(old)

    def image(self, chain_id: str) -> Root:
        """See Driver."""
        return Root(self._lowers(chain_id))

    def create(self, container: str, chain_id: str | None, owner: Owner = ROOT) -> Root:
        """See Driver."""
        name = _file_name(container)
        with self._locks.held(name):
            if (self._containers / name).exists():
                raise ImageError(f"the container {container} has a root already", "remove it first")
            with self._made(self._containers, name, f"the root of container {container}") as new:
                with self._locks.held(_ALL):
                    if chain_id:
                        self._below(chain_id)
                    new.mkdir(mode=0o700)
                    (new / "chain").write_text(chain_id or "")
                self._fill_container(new, self._lowers(chain_id), owner)
        return self._root(container)

    def containers(self) -> tuple[str, ...]:
        """See Driver."""
        return tuple(_whole(self._containers))

    def root(self, container: str) -> Root:
        """See Driver."""
        return self._root(container)

    def release(self, container: str) -> None:
        """See Driver."""

    def seen(self, container: str) -> AbstractContextManager[int]:
        """See Driver."""
        return self.opened(container)

    def remove(self, container: str) -> None:
        """See Driver."""
        name = _file_name(container)
        with self._locks.held(name):
            self.release(container)
            old = self._containers / f".old-{name}"
            try:
                (self._containers / name).rename(old)
            except FileNotFoundError:
                return
            self._delete(old)

    def changes(self, container: str) -> Iterator[Change]:
        """See Driver."""
        with self._compared(container) as (after, before, is_upper):
            yield from compare.changes(after, before, is_upper=is_upper)

    @contextmanager
    def difference(self, container: str) -> Iterator[Path]:
        """See Driver."""
        name = f"{container}.difference"
        with self._locks.held(name):
            new = self._containers / f".new-{name}"
            self._delete(new)
            try:
                with (
                    self._compared(container) as (after, before, is_upper),
                    self._explained(f"the changes of {container}"),
                ):
                    new.mkdir(mode=0o700)
                    with opened(new) as into:
                        extract(after, before, into, is_upper=is_upper)
                yield new
            finally:
                self._delete(new)

    def layer_bytes(self, chain_id: str) -> int:
        """See Driver."""
        try:
            return int((self._layers / _file_name(chain_id) / "bytes").read_text())
        except FileNotFoundError:
            return 0

    def check(self) -> list[str]:
        """See Driver."""
        problems = []
        for chain_id in self.layers():
            if not self.has_layer(chain_id):
                problems.append(f"the layer {chain_id} has no files")
            problems += [
                f"the layer {chain_id} lacks the layer {below} under it"
                for below in self._below(chain_id)
                if not self.has_layer(below)
            ]
        for container in self.containers():
            chain = self._chain(container)
            if chain and not self.has_layer(chain):
                problems.append(f"the container {container} lacks its layer {chain}")
        return problems

    def sweep(self) -> list[str]:
        """See Driver."""
        removed = []
        for parent in (self._layers, self._containers):
            for entry in _names(parent):
                kind, _, name = entry.partition("-")
                if kind not in (".new", ".old"):
                    continue
                with self._locks.tried(name) as is_held:
                    if is_held:
                        self._delete(parent / entry)
                        removed.append(f"directory {parent / entry}")
        return removed

    def opened(self, container: str) -> AbstractContextManager[int]:
        """See Driver."""
        raise NotImplementedError

    def _root(self, container: str) -> Root:
        """The root of a container, whether or not it is mounted."""
        raise NotImplementedError

    def _fill_layer(self, new: Path, parent: Path | None, unpack: Callable[[Path], None]) -> None:
        """Put `fs` and `bytes` into a layer's directory, over the one below."""
        raise NotImplementedError

    def _fill_container(self, new: Path, lowers: tuple[Path, ...], owner: Owner) -> None:
        """Put what a root needs into a container's directory; the layers are top first."""
        raise NotImplementedError

    def _compared(self, container: str) -> AbstractContextManager[tuple[int, int, bool]]:
        """Descriptors of a container's files and the image's, and whether the first has only what differs."""
        raise NotImplementedError

    def _delete(self, path: Path) -> None:
        teardown.remove_tree(str(path))

    @contextmanager
    def _made(self, parent: Path, name: str, what: str) -> Iterator[Path]:
        """A directory to fill, put in place under its name in the end, or removed; its lock is held."""
        new = parent / f".new-{name}"
        self._delete(new)
        try:
            with self._explained(what):
                yield new
                new.rename(parent / name)
        except BaseException:
            self._delete(new)
            raise

    @contextmanager
    def _explained(self, what: str) -> Iterator[None]:
        """Say for a person what the disk refused."""
        try:
            yield
        except OSError as error:
            if error.errno in _FULL:
                raise ImageError(
                    f"no space left in {self._directory} for {what}", "free some disk space"
                ) from error
            raise ImageError(f"can't make {what}: {error}", "check the disk") from error

    def _fs(self, chain_id: str) -> Path:
        return self._layers / _file_name(chain_id) / "fs"

    def _below(self, chain_id: str) -> tuple[str, ...]:
        try:
            return tuple((self._layers / _file_name(chain_id) / "below").read_text().split())
        except FileNotFoundError:
            raise ImageError(f"there is no layer {chain_id}", "unpack its image again") from None

    def _lowers(self, chain_id: str | None) -> tuple[Path, ...]:
        if not chain_id:
            return (self._directory / "empty",)
        return tuple(self._fs(chain) for chain in (chain_id, *self._below(chain_id)))

    def _chain(self, container: str) -> str | None:
        try:
            return (self._containers / _file_name(container) / "chain").read_text() or None
        except FileNotFoundError:
            raise ImageError(f"the container {container} has no root", "create it first") from None

    def _users(self, chain_id: str) -> Iterator[str]:
        for path in self._layers.glob("*/below"):
            if chain_id in path.read_text().split():
                yield f"the layer {path.parent.name.removeprefix('.new-').replace('-', ':', 1)}"
        for path in self._containers.glob("*/chain"):
            if path.read_text() == chain_id:
                yield f"the container {path.parent.name.removeprefix('.new-')}"


def like(directory: Path, model: Path | None) -> None:
    """Give a new directory the mode and owner of another, or what a root directory usually has."""
    directory.chmod(0o755)
    if model:
        status = model.stat()
        os.chown(directory, status.st_uid, status.st_gid)
        directory.chmod(status.st_mode & 0o7777)


@contextmanager
def opened(path: Path) -> Iterator[int]:
    """A descriptor of a directory.

    Raises:
        OSError: as open(2).
    """
    with closed(os.open(path, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)) as descriptor:
        yield descriptor


@contextmanager
def closed(descriptor: int) -> Iterator[int]:
    """A descriptor that is closed in the end."""
    try:
        yield descriptor
    finally:
        os.close(descriptor)


def _sync(path: Path) -> None:
    """Write all of its filesystem to the disk, so that no power failure halves a layer."""
    with opened(path) as descriptor:
        if ctypes.CDLL(None, use_errno=True).syncfs(descriptor):
            raise OSError(ctypes.get_errno(), os.strerror(ctypes.get_errno()), str(path))


def measure(path: Path, *, unshared: bool = False) -> int:
    """Allocated bytes of the tree at a path; see tree.allocated."""
    with opened(path) as descriptor:
        return tree.allocated(descriptor, unshared=unshared)


def _whole(directory: Path) -> list[str]:
    return [name for name in _names(directory) if not name.startswith(".")]


def _names(directory: Path) -> list[str]:
    return sorted(path.name for path in directory.iterdir())


def _file_name(name: str) -> str:
    plain = name.replace(":", "-", 1)
    if not plain or plain.startswith(".") or "/" in plain or "\0" in plain:
        raise ImageError(f"{name!r} names no layer or container", "use a chain id or a container's id")
    return plain
