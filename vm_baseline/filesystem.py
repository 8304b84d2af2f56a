"""File systems that a disk image can hold; one file in `filesystems/` each."""

import importlib
import pkgutil
from collections.abc import Callable
from dataclasses import dataclass
from functools import cache
from pathlib import Path

from tare.errors import UsageError

EPOCH = "1"
"""The time that reproducible file systems were made at, in seconds since 1970; some tools take 0 for none."""


@dataclass(frozen=True)
class FileSystem:
    """One file system.

    Args:
        name: as mount(8) has it.
        modules: kernel modules the guest needs for it, an overlay above one that can't be written included.
        make: writes a raw image with a directory's files, so that the same files give the same bytes; its
            arguments are the directory, the file, and bytes of the image or None for as many as are needed.
        has_size: whether an image can be larger than its files are.
    """

    name: str
    modules: tuple[str, ...]
    make: Callable[[Path, Path, int | None], None]
    has_size: bool = False


@cache
def filesystems() -> dict[str, FileSystem]:
    """All file systems by name; a module in `vm_baseline.filesystems` with a FILE_SYSTEM is one."""
    package = importlib.import_module("vm_baseline.filesystems")
    modules = (
        importlib.import_module(f"{package.__name__}.{m.name}")
        for m in pkgutil.iter_modules(package.__path__)
    )
    return {module.FILE_SYSTEM.name: module.FILE_SYSTEM for module in modules}


def filesystem(name: str) -> FileSystem:
    """The file system of that name.

    Raises:
        UsageError: there is none.
    """
    try:
        return filesystems()[name]
    except KeyError:
        raise UsageError(
            f"there is no file system {name} for disks", f"choose one of {', '.join(sorted(filesystems()))}"
        ) from None
