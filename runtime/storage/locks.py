"""Locks between processes and threads, any number in one file (open file description locks, fcntl(2))."""

import fcntl
import os
import struct
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from tare.hashing import sha256


def _flock(kind: int, key: int) -> bytes:
    return struct.pack("hhqqi0q", kind, os.SEEK_SET, key, 1, 0)


class Locks:
    """Locks by name; each is let go when its context, or its process, ends.

    Args:
        path: the file, made when missing.
    """

    def __init__(self, path: Path) -> None:
        self._path = path

    @contextmanager
    def held(self, name: str) -> Iterator[None]:
        """Wait for the lock and hold it."""
        descriptor = self._open()
        try:
            fcntl.fcntl(descriptor, fcntl.F_OFD_SETLKW, _flock(fcntl.F_WRLCK, _key(name)))
            yield
        finally:
            os.close(descriptor)

    @contextmanager
    def tried(self, name: str) -> Iterator[bool]:
        """Hold the lock where nobody else does; whether it is held."""
        descriptor = self._open()
        try:
            try:
                fcntl.fcntl(descriptor, fcntl.F_OFD_SETLK, _flock(fcntl.F_WRLCK, _key(name)))
                is_held = True
            except BlockingIOError:
                is_held = False
            yield is_held
        finally:
            os.close(descriptor)

    def _open(self) -> int:
        return os.open(self._path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)


def _key(name: str) -> int:
    return int.from_bytes(sha256(name.encode()).digest()[:7], "little")
