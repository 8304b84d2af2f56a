"""A file that is there when all of it is written."""

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import BinaryIO


@contextmanager
def replacing(target: Path) -> Iterator[BinaryIO]:
    """Takes the target's place when the context ends well; /dev/null and other devices are written to.

    Args:
        target: where to; a symbolic link is followed.

    Raises:
        OSError: as open(2).
    """
    path = Path(os.path.realpath(target))
    if path.exists() and not path.is_file():
        with path.open("wb") as file:
            yield file
        return
    part = path.with_name(f".{path.name[:200]}.{os.urandom(4).hex()}")
    try:
        with part.open("xb") as file:
            yield file
        part.replace(path)
    finally:
        part.unlink(missing_ok=True)
