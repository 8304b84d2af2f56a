"""What every place that keeps runs can do."""

from typing import Protocol

from results.history.summary import Summary
from results.run import Run


class Keep(Protocol):
    """Runs of many machines, each once."""

    def add(self, run: Run) -> bool:
        """Keep a run; False where one of its id is kept already.

        Raises:
            ResultsError: it can't be kept, or another run has its id.
        """

    def machines(self) -> list[str]:
        """The ids of all machines, sorted. Raises: ResultsError: nothing can be read."""

    def summaries(self, machine: str) -> list[Summary]:
        """The runs of a machine, the oldest first. Raises: ResultsError: one can't be read."""

    def run(self, machine: str, run_id: str) -> Run:
        """A whole run. Raises: ResultsError: there is none, or it can't be read."""
