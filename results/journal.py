"""The journal of a run: an append-only JSON Lines file that loses at most the sample in flight when killed.

The first line holds the run without its records, every later line one record, the end of one visit or more
facts of the host, the last line of a finished run the time it finished. A line is one write(2) with O_APPEND,
so a killed writer can tear only the last line.
"""

import fcntl
import json
import os
from collections.abc import Mapping
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from types import TracebackType
from typing import Any, Self

from results.content import content
from results.errors import ResultsError
from results.record import Record
from results.run import Run, Visited
from results.schema import validate, validate_record


class Journal:
    """Writes a run's records as they arrive; a context manager that owns the file descriptor.

    Args:
        path: the file to make; it must not exist, unless it is resumed.
        run: the run about to start; records it already has are written first, unless it is resumed.
        resume: go on with the journal that this run was read from; a torn last line is cut off.
    """

    def __init__(self, path: Path, run: Run, *, resume: bool = False) -> None:
        self.path = path
        self._resume = resume
        self._run = run
        self._subjects = {subject.name for subject in run.subjects}
        self._descriptor = -1

    def __enter__(self) -> Self:
        """Make the file and write its header, or open it to go on; it is locked (flock(2)) meanwhile.

        Raises:
            ResultsError: the file exists or can't be made, another process writes it, or the run breaks the
                schema.
        """
        header = replace(self._run, records=(), visits=(), finished=None, complete=False).as_json()
        validate(header)
        flags = os.O_RDWR if self._resume else os.O_WRONLY | os.O_CREAT | os.O_EXCL
        try:
            self.path.parent.mkdir(parents=True, exist_ok=True)
            self._descriptor = os.open(self.path, flags | os.O_APPEND | os.O_CLOEXEC, 0o644)
        except OSError as error:
            raise ResultsError(
                f"journal {self.path} can't be {'opened' if self._resume else 'made'}: {error.strerror}",
                "choose another run id or directory",
            ) from error
        try:
            self._lock()
            if self._resume:
                self._cut_torn_line()
            else:
                self._begin(header)
        except BaseException:
            self._close()
            raise
        return self

    def _lock(self) -> None:
        try:
            fcntl.flock(self._descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError as error:
            raise ResultsError(
                f"journal {self.path} is being written", "wait until that run has ended"
            ) from error

    def _cut_torn_line(self) -> None:
        data = self.path.read_bytes()
        os.ftruncate(self._descriptor, data.rfind(b"\n") + 1)

    def _begin(self, header: dict[str, Any]) -> None:
        self._write({"run": header})
        for record in self._run.records:
            self.append(record)
        for visit in self._run.visits:
            self.visited(visit)

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._close()

    def append(self, record: Record) -> None:
        """Add one record; it survives the death of this process once this returns.

        Raises:
            ResultsError: the record breaks the schema, or the line can't be written.
        """
        if record.subject not in self._subjects:
            raise ResultsError(f"a record names {record.subject!r}, which is none of the run's subjects")
        validate_record(record)
        self._write({"record": record.as_json()})

    def visited(self, visit: Visited) -> None:
        """Say that a visit was made to its end. Raises: ResultsError: the line can't be written."""
        self._write({"visit": visit.as_json()})

    def host(self, facts: Mapping[str, Any]) -> None:
        """Add facts to the run's host. Raises: ResultsError: the line can't be written."""
        self._write({"host": dict(facts)})

    def finish(self) -> Run:
        """Mark the run as complete and return it as it is on disk.

        Raises:
            ResultsError: the line can't be written.
        """
        self._write({"finished": datetime.now(UTC).isoformat(timespec="milliseconds")})
        return read_journal(self.path)

    def _write(self, line: dict[str, Any]) -> None:
        data = json.dumps(line, allow_nan=False).encode() + b"\n"
        try:
            written = os.write(self._descriptor, data)
        except OSError as error:
            raise ResultsError(f"journal {self.path} can't be written: {error.strerror}") from error
        if written != len(data):
            raise ResultsError(f"journal {self.path} can't be written: the disk is full")

    def _close(self) -> None:
        if self._descriptor >= 0:
            os.close(self._descriptor)
            self._descriptor = -1


def read_journal(path: Path) -> Run:
    """Read a journal, whether the run finished or was killed.

    A torn last line is the sample in flight and is left out. `complete` is True only when the run finished.

    Raises:
        ResultsError: the file can't be read, has no whole header, or is broken before its last line.
    """
    lines = content(path).split(b"\n")[:-1]
    entries = [_entry(path, number, line) for number, line in enumerate(lines, start=1)]
    if not entries or not isinstance(entries[0].get("run"), dict):
        raise ResultsError(f"journal {path} has no header", "the run was killed before its first sample")
    block: dict[str, Any] = {**entries[0]["run"], "records": [], "visits": []}
    for number, entry in enumerate(entries[1:], start=2):
        match entry:
            case {"record": record}:
                block["records"].append(record)
            case {"visit": visit}:
                block["visits"].append(visit)
            case {"host": dict(facts)}:
                block["host"] = {**block["host"], **facts}
            case {"finished": finished}:
                block |= {"finished": finished, "complete": True}
            case _:
                raise _broken(path, number)
    try:
        validate(block)
    except ResultsError as error:
        raise ResultsError(f"journal {path}: {error.what}", error.hint) from error
    return Run.from_json(block)


def _entry(path: Path, number: int, line: bytes) -> dict[str, Any]:
    try:
        entry = json.loads(line)
    except (ValueError, RecursionError) as error:
        raise _broken(path, number) from error
    if not isinstance(entry, dict):
        raise _broken(path, number)
    return entry


def _broken(path: Path, number: int) -> ResultsError:
    return ResultsError(f"journal {path} is broken in line {number}", "restore the file or measure again")
