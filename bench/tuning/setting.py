"""One value of the host that can be read, changed and put back."""

import os
import re
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

_CHOSEN = re.compile(r"\[([^\]]+)\]")


class Setting(Protocol):
    """A value of the host, as text."""

    @property
    def key(self) -> str:
        """Names it in the record."""

    def read(self) -> str:
        """Its value. Raises: OSError."""

    def write(self, value: str) -> None:
        """Change it. Raises: OSError."""


@dataclass(frozen=True)
class File:
    """A file of sysfs or of /proc; of several words with one in brackets, that one is its value.

    Args:
        root: where the file system begins.
        path: below it.
    """

    root: Path
    path: str

    @property
    def key(self) -> str:
        """Its path."""
        return self.path

    def read(self) -> str:
        """What it says."""
        text = (self.root / self.path).read_text().strip()
        chosen = _CHOSEN.search(text)
        return chosen[1] if chosen else text

    def write(self, value: str) -> None:
        """Give it to the kernel, which may refuse it; a file that is gone is not made."""
        descriptor = os.open(self.root / self.path, os.O_WRONLY | os.O_TRUNC | os.O_CLOEXEC)
        try:
            os.write(descriptor, value.encode())
        finally:
            os.close(descriptor)
