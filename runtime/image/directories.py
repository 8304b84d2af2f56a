"""Directories below a root, reached by descriptors that don't lead out of it (openat2(2))."""

import os
from pathlib import Path

from runtime import syscalls

_OPEN = os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC
_INSIDE = syscalls.RESOLVE_IN_ROOT | syscalls.RESOLVE_NO_MAGICLINKS
_KEPT = 200


class Directories:
    """Descriptors of directories, the last ones used kept open.

    Symbolic links on the way are followed as a process would whose root the directory is.

    Args:
        root: the directory nothing leads out of.

    Raises:
        OSError: it can't be opened.
    """

    def __init__(self, root: Path) -> None:
        self.root = os.open(root, _OPEN)
        self._open: dict[bytes, int] = {b"": self.root}
        self.get = self._open.get

    def open(self, path: bytes) -> int:
        """A descriptor of the directory at a relative path; it stays this object's.

        Raises:
            OSError: there is no such directory.
        """
        found = self._open.get(path)
        if found is None:
            found = syscalls.openat2(self.root, os.fsdecode(path), _OPEN, resolve=_INSIDE)
            self._open[path] = found
        return found

    def trim(self, used: int = -1) -> None:
        """Close all but the root and `used` when there are many; no others may be in use."""
        if len(self._open) > _KEPT:
            self._close(used)

    def forget(self) -> None:
        """Close all but the root, as what was opened may not be there any more."""
        self._close(-1)

    def close(self) -> None:
        """Close all."""
        self.forget()
        os.close(self._open.pop(b""))

    def _close(self, used: int) -> None:
        for path in [path for path, file in self._open.items() if path and file != used]:
            os.close(self._open.pop(path))
