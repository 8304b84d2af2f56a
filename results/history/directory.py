"""Runs in a directory: `MACHINE/RUN.run.json.gz` each, and its summary beside."""

from pathlib import Path

from results.errors import ResultsError
from results.files import write
from results.history.document import check_same, packed, run_of, summary_of
from results.history.summary import Summary, summary
from results.run import Run

RUN = ".run.json.gz"
SUMMARY = ".summary.json.gz"


class Directory:
    """A `Keep` in files.

    Args:
        path: the directory.
    """

    def __init__(self, path: Path) -> None:
        self._path = path

    def add(self, run: Run) -> bool:
        """As `Keep.add`."""
        short = summary(run)
        place = self._path / short.machine
        path, beside = place / f"{run.id}{RUN}", place / f"{run.id}{SUMMARY}"
        if path.exists():
            check_same(_read(path), run, str(path))
            if beside.exists():
                return False
        else:
            write(path, packed(run.as_json()))
        # A run counts once its summary is there: who was killed between both can add it again.
        write(beside, packed(short.as_json()), force=True)
        return True

    def machines(self) -> list[str]:
        """As `Keep.machines`."""
        return sorted({path.parent.name for path in self._path.glob(f"*/*{SUMMARY}")})

    def summaries(self, machine: str) -> list[Summary]:
        """As `Keep.summaries`."""
        paths = (self._path / machine).glob(f"*{SUMMARY}")
        return sorted((summary_of(_read(path), str(path)) for path in paths), key=lambda each: each.started)

    def run(self, machine: str, run_id: str) -> Run:
        """As `Keep.run`."""
        path = self._path / machine / f"{run_id}{RUN}"
        return run_of(_read(path), str(path))


def _read(path: Path) -> bytes:
    try:
        return path.read_bytes()
    except OSError as error:
        raise ResultsError(f"{path} can't be read: {error.strerror}", "name a run that is kept") from error
