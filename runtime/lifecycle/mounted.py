"""The root of a container that doesn't run, with what would be mounted in it."""

import os
import stat
import threading
from collections.abc import Iterator
from contextlib import contextmanager

from runtime import syscalls
from runtime.spec import Bind, ContainerSpec
from runtime.storage.paths import CopyError, open_below
from runtime.storage.store import closed

_CLONE_FS = 0x200


@contextmanager
def mounted(root: int, place: str, spec: ContainerSpec) -> Iterator[int]:
    """A descriptor of a root with its binds, in a mount namespace that nobody else sees.

    Places for them are made in the root where it has none, as they would be at its start.

    Args:
        root: descriptor of a directory or a detached mount, of a container whose lock the caller holds.
        place: a directory to mount it on.
        spec: says what is bound, and whether the root is read-only.

    Raises:
        CopyError: something can't be mounted.
    """
    if not spec.binds and not spec.read_only:
        yield root
        return
    with closed(_tree(root)) as tree:
        failures: list[OSError] = []
        namespaces: list[int] = []

        def mount() -> None:
            try:
                _leave()
                namespaces.append(os.open("/proc/thread-self/ns/mnt", os.O_RDONLY | os.O_CLOEXEC))
                syscalls.move_mount(tree, syscalls.AT_FDCWD, place)
                for bind in sorted(spec.binds, key=lambda bind: bind.target.count("/")):
                    _bind(tree, bind)
                if spec.read_only:
                    syscalls.mount_setattr(tree, "", attributes=syscalls.MOUNT_ATTR_RDONLY)
            except OSError as error:
                failures.append(error)

        # Of its thread alone; the namespace lives on by its descriptor.
        thread = threading.Thread(target=mount)
        thread.start()
        thread.join()
        try:
            for error in failures:
                raise CopyError(
                    f"can't mount what the container has: {error.strerror} {error.filename or ''}".rstrip(),
                    "start it, and copy then",
                ) from error
            yield tree
        finally:
            for namespace in namespaces:
                os.close(namespace)


def _tree(root: int) -> int:
    """A mount of the root that can be moved."""
    try:
        return syscalls.open_tree(root, "", syscalls.OPEN_TREE_CLONE | syscalls.AT_EMPTY_PATH)
    except OSError:
        # Before Linux 6.15 a detached mount can't be cloned; it can be moved itself.
        return os.dup(root)


def _leave() -> None:
    syscalls.unshare(syscalls.CLONE_NEWNS | _CLONE_FS)
    syscalls.mount_setattr(syscalls.AT_FDCWD, "/", propagation=syscalls.MS_PRIVATE, recursive=True)


def _bind(root: int, bind: Bind) -> None:
    flags = syscalls.OPEN_TREE_CLONE | (syscalls.AT_RECURSIVE if bind.is_recursive else 0)
    with closed(syscalls.open_tree(syscalls.AT_FDCWD, os.fspath(bind.source), flags)) as source:
        # Nothing of it is to be seen elsewhere.
        syscalls.mount_setattr(source, "", propagation=syscalls.MS_PRIVATE, recursive=True)
        if bind.read_only:
            recursive = not bind.has_writable
            syscalls.mount_setattr(source, "", attributes=syscalls.MOUNT_ATTR_RDONLY, recursive=recursive)
        is_directory = stat.S_ISDIR(os.fstat(source).st_mode)
        with closed(_place(root, bind.target.rstrip("/"), is_directory=is_directory)) as target:
            syscalls.move_mount(source, target)


def _place(root: int, path: str, *, is_directory: bool) -> int:
    """A descriptor of what is at a path inside, made when missing."""
    try:
        return open_below(root, path, os.O_PATH)
    except FileNotFoundError:
        parent, _, name = path.rpartition("/")
        with closed(_place(root, parent, is_directory=True)) as directory:
            if is_directory:
                os.mkdir(name, 0o755, dir_fd=directory)
            else:
                os.mknod(name, stat.S_IFREG | 0o644, dir_fd=directory)
        return open_below(root, path, os.O_PATH)
