"""Filesystems made for a test, in a mount namespace that only its thread sees."""

import os
import subprocess
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path

from runtime import syscalls

_MAKERS = {"btrfs": ("mkfs.btrfs", "-q"), "xfs": ("mkfs.xfs", "-q"), "ext4": ("mkfs.ext4", "-q")}
_SIZE = 320 << 20
MADE_SUITABLY = {
    "overlay": "ext4",
    "vfs": "ext4",
    "vfs on xfs": "xfs",
    "btrfs": "btrfs",
    "fuse-overlayfs": "ext4",
}
"""A filesystem for each driver; vfs shares blocks on XFS."""


@contextmanager
def private() -> Iterator[Callable[..., object]]:
    """What it gives calls a function in a thread with mounts of its own, which are gone in the end."""
    with ThreadPoolExecutor(1) as thread:
        thread.submit(_leave).result()
        yield lambda function, *arguments: thread.submit(function, *arguments).result()


def _leave() -> None:
    # Of the thread alone; its working directory must be its own as well.
    syscalls.unshare(syscalls.CLONE_NEWNS | 0x200)
    syscalls.mount_setattr(syscalls.AT_FDCWD, "/", propagation=syscalls.MS_PRIVATE, recursive=True)


def mount_image(kind: str, image: Path, place: Path) -> None:
    """Make a filesystem in a file and mount it in this thread's namespace; its loop device goes with it."""
    with image.open("wb") as file:
        file.truncate(_SIZE)
    subprocess.run([*_MAKERS[kind], str(image)], check=True, capture_output=True)
    place.mkdir(exist_ok=True)
    subprocess.run(["mount", "-o", "loop", str(image), str(place)], check=True)


def mount_memory(place: Path, size: str) -> None:
    """Mount a small tmpfs in this thread's namespace."""
    place.mkdir(exist_ok=True)
    context = syscalls.fsopen("tmpfs")
    syscalls.fsconfig_string(context, "size", size)
    syscalls.fsconfig_create(context)
    mounted = syscalls.fsmount(context, 0)
    syscalls.move_mount(mounted, syscalls.AT_FDCWD, str(place))
    os.close(context)
    os.close(mounted)
