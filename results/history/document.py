"""Runs and summaries as bytes, the way every place keeps them: compressed JSON."""

import gzip
import json
from collections.abc import Mapping
from typing import Any

from results.errors import ResultsError
from results.history.summary import Summary
from results.run import Run
from results.schema import validate


def packed(content: Mapping[str, Any]) -> bytes:
    """Compressed; the same content gives the same bytes."""
    return gzip.compress(json.dumps(content, allow_nan=False, separators=(",", ":")).encode(), 6, mtime=0)


def run_of(data: bytes, name: str) -> Run:
    """The run of `packed(run.as_json())`. Raises: ResultsError: it is none; `name` says which."""
    block = _unpacked(data, name)
    validate(block)
    return Run.from_json(block)


def check_same(data: bytes, run: Run, name: str) -> None:
    """Look whether a run is the one that is kept as `data`: compressed by another library it has other bytes.

    Raises:
        ResultsError: it is another of the same id, or what is kept can't be read; `name` says which.
    """
    if run_of(data, name) != run:
        raise ResultsError(f"{name} is another run of the same id", "measure again")


def summary_of(data: bytes, name: str) -> Summary:
    """The summary of `packed(summary.as_json())`. Raises: ResultsError: it is none; `name` says which."""
    try:
        return Summary.from_json(_unpacked(data, name))
    except (KeyError, TypeError, ValueError) as error:
        raise ResultsError(f"{name} is no summary of a run", "take it out and add the run again") from error


def _unpacked(data: bytes, name: str) -> Any:
    try:
        return json.loads(gzip.decompress(data))
    except (OSError, EOFError, ValueError) as error:
        raise ResultsError(f"{name} can't be read: {error}", "take it out and add the run again") from error
