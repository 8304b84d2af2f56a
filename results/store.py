"""The store: a directory of runs, each a pytest-benchmark JSON file with a `tarebench` block or a journal."""

import gzip
import json
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from results.content import content
from results.errors import ResultsError
from results.files import write
from results.journal import read_journal
from results.run import Run
from results.schema import validate

_BLOCK = "tarebench"
_RESULTS = ("*.json", "*.json.gz", "*.jsonl")
_ID = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]*")


class Store:
    """Runs in one directory.

    Args:
        directory: where the runs are; made when the first one is saved.
    """

    def __init__(self, directory: Path) -> None:
        self.directory = directory

    def path_for(self, run_id: str) -> Path:
        """Where the results of that run belong."""
        return self.directory / f"{_checked(run_id)}.json"

    def journal_for(self, run_id: str) -> Path:
        """Where the journal of that run belongs."""
        return self.directory / f"{_checked(run_id)}.jsonl"

    def load(self, path: Path) -> Run:
        """Read a run from results (.json, .json.gz) or from a journal (.jsonl).

        Raises:
            ResultsError: the file can't be read, or is no results of Tarebench, or breaks the schema.
        """
        if path.suffix == ".jsonl":
            return read_journal(path)
        results = _read(path)
        if not isinstance(results, dict) or _BLOCK not in results:
            raise ResultsError(
                f"{path} has no `{_BLOCK}` block",
                "give a results file that Tarebench wrote, or run `tarebench run`",
            )
        try:
            validate(results[_BLOCK])
        except ResultsError as error:
            raise ResultsError(f"{path}: {error.what}", error.hint) from error
        return Run.from_json(results[_BLOCK])

    def latest(self) -> Path:
        """The file of the run written last; a killed run's journal counts.

        Raises:
            ResultsError: there is none.
        """
        if not (runs := self.recent(1)):
            raise ResultsError(f"there is no run in {self.directory}", "make one with `tarebench run`")
        return runs[0]

    def latest_journal(self) -> Path:
        """The journal written last, of a run that was killed or interrupted or goes on.

        Raises:
            ResultsError: there is none.
        """
        journals = list(self.directory.glob("*.jsonl"))
        if not journals:
            raise ResultsError(
                f"there is no unfinished run in {self.directory}", "make one with `tarebench run`"
            )
        return max(journals, key=lambda path: path.stat().st_mtime_ns)

    def recent(self, count: int) -> list[Path]:
        """The files of so many runs that were written last, the newest first."""
        runs = [path for pattern in _RESULTS for path in self.directory.glob(pattern)]
        return sorted(
            runs, key=lambda path: (path.stat().st_mtime_ns, path.suffix != ".jsonl"), reverse=True
        )[:count]

    def save(
        self,
        run: Run,
        benchmark_json: Mapping[str, Any] | None = None,
        path: Path | None = None,
        *,
        force: bool = False,
    ) -> Path:
        """Write a run whole or not at all.

        Args:
            run: what to write.
            benchmark_json: what pytest-benchmark wrote; the `tarebench` block is added to a copy of it.
            path: where to; `path_for(run.id)` by default. A name ending in .gz is compressed.
            force: replace a file of that name.

        Raises:
            ResultsError: the run breaks the schema, the file exists, or it can't be written.
        """
        block = run.as_json()
        validate(block)
        path = path or self.path_for(run.id)
        results = {**(benchmark_json or {"benchmarks": []}), _BLOCK: block}
        data = json.dumps(results, allow_nan=False, indent=1, default=str).encode() + b"\n"
        write(path, gzip.compress(data, mtime=0) if path.suffix == ".gz" else data, force=force)
        return path


def _checked(run_id: str) -> str:
    if not _ID.fullmatch(run_id):
        raise ResultsError(f"{run_id!r} can't name a run", 'use letters, digits, ".", "_" and "-"')
    return run_id


def _read(path: Path) -> Any:
    try:
        return json.loads(content(path))
    except (ValueError, RecursionError) as error:
        raise ResultsError(f"{path} is no JSON: {error}") from error
