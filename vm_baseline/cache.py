"""Build products that appear under their name whole or not at all, and are made by one process at a time."""

import fcntl
import os
import shutil
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

UNFINISHED = "making-"


def cached(target: Path, make: Callable[[Path], None]) -> Path:
    """The target, made first when it is not there yet.

    Args:
        target: a file or directory; its parent is created.
        make: fills the path it is given, which lies on the same file system and is renamed to the target.

    Returns:
        The target. Who asks for it while another makes it waits, and makes it only if that fails.
    """
    if target.exists():
        return target
    target.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
    with _workshop(target) as workshop:
        if not target.exists():
            product = workshop / target.name
            make(product)
            product.rename(target)
    return target


def products(parent: Path, pattern: str) -> tuple[Path, ...]:
    """The whole ones in a directory whose names match, sorted."""
    return tuple(sorted(path for path in parent.glob(pattern) if not path.name.startswith(UNFINISHED)))


@contextmanager
def _workshop(target: Path) -> Iterator[Path]:
    """An empty directory beside it, locked (flock(2)); what a killed process left in it goes."""
    place = target.with_name(f"{UNFINISHED}{target.name}")
    while True:
        place.mkdir(mode=0o700, exist_ok=True)
        try:
            lock = os.open(place, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
        except FileNotFoundError:
            continue
        try:
            fcntl.flock(lock, fcntl.LOCK_EX)
            # Whoever had it before has removed it.
            if not _is(lock, place):
                continue
            for left in place.iterdir():
                shutil.rmtree(left) if left.is_dir() else left.unlink()
            try:
                yield place
            finally:
                shutil.rmtree(place, ignore_errors=True)
            return
        finally:
            os.close(lock)


def _is(descriptor: int, path: Path) -> bool:
    with suppress(FileNotFoundError):
        return os.path.samestat(os.fstat(descriptor), path.lstat())
    return False
