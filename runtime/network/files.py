# ruff: noqa: PTH105, PTH108, PTH208 - plain strings, as in system calls; a start can't afford pathlib's detours
"""Small files that several processes share: locked, replaced whole, read as JSON."""

import fcntl
import os
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from typing import Any

from runtime import light
from tare.errors import NetworkError

_HALF = ".new"


@contextmanager
def locked(path: str) -> Iterator[None]:
    """Hold the lock file meanwhile, to the exclusion of other threads and processes; see flock(2).

    Raises:
        FileNotFoundError: its directory is gone.
    """
    descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX)
        yield
    finally:
        os.close(descriptor)


def read(path: str) -> Any:
    """The JSON value in a file.

    Raises:
        FileNotFoundError: there is none.
        NetworkError: it holds something else.
    """
    with open(path, encoding="utf-8") as file:  # noqa: PTH123
        text = file.read()
    try:
        return light.loads(text)
    except ValueError:
        raise NetworkError(f"{path} is damaged", "remove it") from None


def write(path: str, text: str, *, mode: int = 0o600, is_durable: bool = False) -> None:
    """Have the file hold the text, or what it held before, whatever happens; a lost power too if durable."""
    new = f"{path}.{os.getpid()}{_HALF}"
    descriptor = os.open(new, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_CLOEXEC, mode)
    try:
        os.write(descriptor, text.encode())
        if is_durable:
            os.fsync(descriptor)
    finally:
        os.close(descriptor)
    os.replace(new, path)


def overwrite(path: str, text: str) -> None:
    """Have the file begin with the text, by a single write."""
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_CLOEXEC, 0o600)
    try:
        os.write(descriptor, text.encode())
    finally:
        os.close(descriptor)


def write_json(path: str, value: Any, *, is_durable: bool = False) -> None:
    """Have the file hold the JSON value, or what it held before; see `write`."""
    write(path, light.dumps(value) + "\n", is_durable=is_durable)


def claim(path: str, owner: str) -> bool:
    """Make a file that names its owner, unless it exists."""
    try:
        descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600)
    except FileExistsError:
        return False
    try:
        os.write(descriptor, owner.encode())
    finally:
        os.close(descriptor)
    return True


def remove(path: str) -> None:
    """Remove a file; one that is gone is no fault."""
    with suppress(FileNotFoundError):
        os.unlink(path)


def is_half(name: str) -> bool:
    """Whether a file is one that is being written, or that a killed writer has left."""
    return name.endswith(_HALF)


def remove_halves(directory: str) -> None:
    """Remove what killed writers have left in a directory whose lock is held."""
    for name in os.listdir(directory):
        if is_half(name):
            remove(f"{directory}/{name}")


def text(path: str) -> str:
    """What a file holds; nothing when there is none."""
    try:
        with open(path, encoding="utf-8") as file:  # noqa: PTH123
            return file.read()
    except FileNotFoundError:
        return ""
