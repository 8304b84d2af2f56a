"""What all engines of one state share on the host: the first of them prepares it, the last removes it."""

import fcntl
import os
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path


class Tenancy:
    """A claim on the shared part, given up by leaving or by the end of the process, in whatever way.

    Args:
        directory: where the lock files are.
        prepare: makes the shared part, or finds it made; never runs in two processes at once.
        remove: removes it; runs only when no other process has a claim.
    """

    def __init__(self, directory: Path, *, prepare: Callable[[], None], remove: Callable[[], None]) -> None:
        self._remove = remove
        self._claims = _open(directory / "engines.lock")
        fcntl.flock(self._claims, fcntl.LOCK_SH)
        preparing = _open(directory / "prepare.lock")
        try:
            fcntl.flock(preparing, fcntl.LOCK_EX)
            prepare()
        except BaseException:
            os.close(self._claims)
            raise
        finally:
            os.close(preparing)

    def leave(self) -> None:
        """Give up the claim."""
        try:
            with suppress(BlockingIOError):
                fcntl.flock(self._claims, fcntl.LOCK_EX | fcntl.LOCK_NB)
                self._remove()
        finally:
            os.close(self._claims)


def _open(path: Path) -> int:
    return os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
