"""Threads that live in a mount namespace of their own."""

import ctypes
import os
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager, suppress
from pathlib import Path

_CLONE_NEWNS = 0x00020000
_MS_REC, _MS_PRIVATE = 0x4000, 0x40000
_UNIFIED = Path("/sys/fs/cgroup/unified")


def hybrid_hierarchy() -> bool:
    """Whether a v2 cgroup tree is mounted beside v1 controllers, which crun refuses."""
    return (_UNIFIED / "cgroup.procs").exists() and Path("/sys/fs/cgroup/memory").is_dir()


@contextmanager
def without_unified_cgroup(hidden: Sequence[str] = ()) -> Iterator[ThreadPoolExecutor]:
    """A one-thread executor whose children see no v2 cgroup tree beside v1 hierarchies (mount_namespaces(7)).

    Args:
        hidden: directories in place of which they see empty ones, which are gone with the context.

    Raises:
        OSError: the host does not let us make a mount namespace.
    """
    new = [path for path in map(Path, hidden) if not path.exists()]
    with ThreadPoolExecutor(max_workers=1, thread_name_prefix="tare-mounts") as executor:
        try:
            executor.submit(_enter, hidden).result()
            yield executor
        finally:
            for path in new:
                with suppress(OSError):
                    path.rmdir()


def _enter(hidden: Sequence[str]) -> None:
    libc = ctypes.CDLL(None, use_errno=True)
    _check(libc.unshare(_CLONE_NEWNS))
    _check(libc.mount(b"none", b"/", None, _MS_REC | _MS_PRIVATE, None))
    if hybrid_hierarchy():
        _check(libc.umount2(bytes(_UNIFIED), 0))
    for directory in hidden:
        Path(directory).mkdir(parents=True, exist_ok=True)
        _check(libc.mount(b"tare", directory.encode(), b"tmpfs", 0, b"mode=755"))


def _check(result: int) -> None:
    if result:
        number = ctypes.get_errno()
        raise OSError(number, os.strerror(number))
