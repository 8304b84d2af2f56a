# ruff: noqa: PTH104, PTH116, PTH123 - plain strings and descriptors, as in system calls
"""Small files that a reader finds whole, and a lock that goes with its holder."""

import fcntl
import os
from types import TracebackType
from typing import Any

from runtime import light


def read_json(path: str) -> dict[str, Any]:
    """The object in a file; empty when there is no file.

    Raises:
        ValueError: there is no object in it.
    """
    try:
        with open(path, encoding="utf-8") as file:
            values = light.loads(file.read())
    except (FileNotFoundError, NotADirectoryError):
        return {}
    if not isinstance(values, dict):
        raise ValueError(f"{path} holds no object")
    return values


def write_json(path: str, values: dict[str, Any]) -> None:
    """Replace a file, so that a reader sees the old content or the new one, also after a power cut."""
    temporary = f"{path}.{os.getpid()}.new"
    descriptor = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_CLOEXEC, 0o600)
    with open(descriptor, "w", encoding="utf-8") as file:
        file.write(light.dumps(values))
        file.flush()
        os.fsync(descriptor)
    os.rename(temporary, path)


class Lock:
    """A context that one process at a time is in; its value is the descriptor, whose copies hold it as well.

    Args:
        path: of the lock file, made when missing.

    Raises:
        FileNotFoundError: the directory is gone, or goes while this waits.
    """

    def __init__(self, path: str) -> None:
        self._path = path
        self._descriptor = -1

    def __enter__(self) -> int:
        descriptor = os.open(self._path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX)
            # Who had it before may have removed the directory.
            if not os.path.samestat(os.stat(self._path), os.fstat(descriptor)):
                raise FileNotFoundError(self._path)
        except BaseException:
            os.close(descriptor)
            raise
        self._descriptor = descriptor
        return descriptor

    def __exit__(
        self, kind: type[BaseException] | None, value: BaseException | None, trace: TracebackType | None
    ) -> None:
        # A process cloned meanwhile has a copy, which would keep the lock for as long as that lives.
        fcntl.flock(self._descriptor, fcntl.LOCK_UN)
        os.close(self._descriptor)
