"""What the tests of escapes share: a hostile image, and a decoy that stands for the host."""

import os
import select
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import IO

from oci_bundle import Bundle

MARKER = "tare-secret-of-the-host"
_PATIENCE = 20


def compile_helper(directory: Path) -> Path:
    program = directory / "escape_helper"
    source = Path(__file__).parent / "escape_helper.c"
    subprocess.run(["cc", "-Wall", "-Wextra", "-Werror", "-static", source, "-o", program], check=True)
    return program


def grant(bundle: Bundle, *names: str) -> None:
    """Give the container further capabilities."""
    for kind in ("bounding", "effective", "permitted"):
        bundle.process["capabilities"][kind] += names


@dataclass(frozen=True)
class Lines:
    """Lines that a process prints, as they come."""

    stream: IO[bytes]

    def next(self, patience: float = _PATIENCE) -> str:
        """The next line; an empty string when none comes."""
        if not select.select([self.stream], [], [], patience)[0]:
            return ""
        return self.stream.readline().decode().strip()

    def all(self) -> list[str]:
        """All that are there."""
        return list(iter(lambda: self.next(0.2), ""))


@contextmanager
def lines() -> Iterator[tuple[Lines, int]]:
    """Lines, and the descriptor to write them to."""
    reading, writing = os.pipe()
    try:
        # Unbuffered, so that select(2) knows what is left.
        with os.fdopen(reading, "rb", buffering=0) as stream:
            yield Lines(stream), writing
    finally:
        os.close(writing)
