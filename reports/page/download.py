"""Raw data inside the page, as links that save a file."""

import gzip
import json
from base64 import b64encode
from dataclasses import dataclass
from pathlib import Path

from reports.source import Source
from reports.units import quantity
from results import ResultsError
from results.frame import frame

_PACKED_FROM = 256 * 1024


@dataclass(frozen=True)
class Download:
    """A link that saves a file.

    Args:
        name: the file's name.
        size: how much, for a person.
        href: a data: URL (RFC 2397).
    """

    name: str
    size: str
    href: str


def downloads(source: Source) -> tuple[Download, ...]:
    """The file the run was read from (or the run as JSON), and its samples as CSV; gzipped where large.

    Raises:
        ResultsError: the raw file can't be read.
    """
    run, raw = source.run, source.raw
    if raw is None:
        name, data = f"{run.id}.json", json.dumps({"tarebench": run.as_json()}, indent=1).encode()
    else:
        name, data = raw.name, _read(raw)
    media = "application/json" if name.endswith(".json") else "application/octet-stream"
    samples = frame(run).to_csv(index=False).encode()
    return (packed(name, media, data), packed(f"{run.id}.csv", "text/csv", samples))


def packed(name: str, media: str, data: bytes) -> Download:
    """A file of that name, media type and content inside the page; gzipped where large."""
    if len(data) > _PACKED_FROM and not name.endswith(".gz"):
        name, media, data = f"{name}.gz", "application/gzip", gzip.compress(data, mtime=0)
    href = f"data:{media};base64,{b64encode(data).decode()}"
    return Download(name, quantity(len(data), "B"), href)


def _read(raw: Path) -> bytes:
    try:
        return raw.read_bytes()
    except OSError as error:
        raise ResultsError(f"{raw} can't be read: {error.strerror}") from error
