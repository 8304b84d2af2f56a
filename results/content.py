"""The content of a file of results, as far as it can be a run's."""

import gzip
import zlib
from pathlib import Path

from results.errors import ResultsError

LARGEST = 128 * 2**20
"""Bytes, also of what is compressed; a run of many hours has a tenth of that."""


def content(path: Path) -> bytes:
    """What is in a file, decompressed where its name ends in .gz.

    Raises:
        ResultsError: it can't be read, or is larger than any run.
    """
    try:
        with gzip.open(path) if path.suffix == ".gz" else path.open("rb") as file:
            size = path.stat().st_size
            data = file.read(LARGEST + 1) if size <= LARGEST else b""
    except (OSError, EOFError, zlib.error) as error:
        raise ResultsError(f"{path} can't be read: {getattr(error, 'strerror', None) or error}") from error
    if max(size, len(data)) > LARGEST:
        raise ResultsError(f"{path} has more than {LARGEST >> 20} MiB, which no run has")
    return data
