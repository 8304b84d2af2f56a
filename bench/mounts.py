"""Threads that live in a mount namespace of their own."""

import ctypes
import os
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path

_CLONE_NEWNS = 0x00020000
_MS_REC, _MS_PRIVATE = 0x4000, 0x40000
_UNIFIED = Path("/sys/fs/cgroup/unified")


def hybrid_hierarchy() -> bool:
    """Whether a v2 cgroup tree is mounted beside v1 controllers, which crun refuses."""
    return (_UNIFIED / "cgroup.procs").exists() and Path("/sys/fs/cgroup/memory").is_dir()


@contextmanager
def without_unified_cgroup() -> Iterator[ThreadPoolExecutor]:
    """A one-thread executor whose children see the v1 cgroup hierarchies only (mount_namespaces(7)).

    Raises:
        OSError: the host does not let us make a mount namespace.
    """
    with ThreadPoolExecutor(max_workers=1, thread_name_prefix="tare-mounts") as executor:
        executor.submit(_enter).result()
        yield executor


def _enter() -> None:
    libc = ctypes.CDLL(None, use_errno=True)
    _check(libc.unshare(_CLONE_NEWNS))
    _check(libc.mount(b"none", bytes(_UNIFIED.parent), None, _MS_REC | _MS_PRIVATE, None))
    _check(libc.umount2(bytes(_UNIFIED), 0))


def _check(result: int) -> None:
    if result:
        number = ctypes.get_errno()
        raise OSError(number, os.strerror(number))
