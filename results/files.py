"""Files that are written whole or not at all."""

import os
import tempfile
from pathlib import Path

from results.errors import ResultsError


def write(path: Path, data: bytes, *, force: bool = False) -> None:
    """Write a file that appears with all of its content, on the disk (rename(2), link(2), fsync(2)).

    Args:
        path: where to; directories above it are made.
        data: its content.
        force: replace a file of that name.

    Raises:
        ResultsError: the file exists, or it can't be written.
    """
    try:
        _write(path, data, force)
    except FileExistsError as error:
        raise ResultsError(
            f"{path} can't be written: file exists", "choose another name, or force it to be replaced"
        ) from error
    except OSError as error:
        raise ResultsError(f"{path} can't be written: {error.strerror}") from error


def _write(path: Path, data: bytes, force: bool) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    descriptor, name = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.")
    temporary = Path(name)
    try:
        with open(descriptor, "wb") as file:  # noqa: PTH123 (a descriptor, not a path)
            file.write(data)
            file.flush()
            os.fchmod(descriptor, 0o644)
            os.fsync(descriptor)
        if force:
            temporary.replace(path)
        else:
            os.link(temporary, path)
    finally:
        temporary.unlink(missing_ok=True)
    _sync(path.parent)


def _sync(directory: Path) -> None:
    descriptor = os.open(directory, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
