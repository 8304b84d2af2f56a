"""A directory that one process of ours at a time works in (flock(2)); whoever is killed lets it go."""

import fcntl
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path


@contextmanager
def alone(directory: str | Path) -> Iterator[None]:
    """Keep others waiting, as it waits for them. Raises: OSError: it is not there."""
    lock = os.open(directory, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield
    finally:
        os.close(lock)
