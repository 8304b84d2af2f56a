"""Raw data inside the page, as links that save a file."""

import json
from base64 import b64encode
from dataclasses import dataclass
from pathlib import Path

from reports.units import quantity
from results import ResultsError, Run
from results.frame import frame


@dataclass(frozen=True)
class Download:
    """A link that saves a file.

    Args:
        name: the file's name.
        words: what is in it.
        size: how much, for a person.
        href: a data: URL (RFC 2397).
    """

    name: str
    words: str
    size: str
    href: str


def downloads(run: Run, raw: Path | None) -> tuple[Download, ...]:
    """The file the run was read from (or the run as JSON), and its samples as CSV.

    Raises:
        ResultsError: the raw file can't be read.
    """
    if raw is None:
        name, data = f"{run.id}.json", json.dumps({"tarebench": run.as_json()}, indent=1).encode()
    else:
        name, data = raw.name, _read(raw)
    media = "application/json" if name.endswith(".json") else "application/octet-stream"
    samples = frame(run).to_csv(index=False).encode()
    return (
        _download(name, "everything, as recorded", media, data),
        _download(f"{run.id}.csv", "one row a sample", "text/csv", samples),
    )


def _download(name: str, words: str, media: str, data: bytes) -> Download:
    href = f"data:{media};base64,{b64encode(data).decode()}"
    return Download(name, words, quantity(len(data), "B"), href)


def _read(raw: Path) -> bytes:
    try:
        return raw.read_bytes()
    except OSError as error:
        raise ResultsError(f"{raw} can't be read: {error.strerror}") from error
