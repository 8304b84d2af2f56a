"""Two revisions measured in turns on one host, so that what changes on it meets both alike.

A pass of one is followed by the same pass of the other; who goes first is drawn each time. Source: the A/B
tests of Firecracker (its tests/README.md), which compare two revisions on one host rather than with the past.
"""

import random
import subprocess
import sys
from collections.abc import Sequence
from itertools import count
from pathlib import Path

from bench.revision import Revision
from tare.errors import ExitCode, TareError

_RUN = "run        "
_JOURNAL = ".jsonl"


class Side:
    """One revision's run.

    Args:
        name: for messages, and of its directory of results.
        revision: what is run.
        options: of `tarebench run`.
        results: where the run goes, below a directory of that name.
    """

    def __init__(self, name: str, revision: Revision, options: Sequence[str], results: Path) -> None:
        self.name = name
        self._revision = revision
        self._options = options
        self._results = results / name
        self._run: Path | None = None

    @property
    def run(self) -> Path | None:
        """The file of the whole run, once it is whole."""
        return None if self._run is None or self._run.suffix == _JOURNAL else self._run

    def take_turn(self, pass_: int) -> None:
        """Measure up to the end of that pass.

        Raises:
            TareError: the revision's harness could not.
        """
        options = ("--resume", str(self._run)) if self._run else self._options
        places = ("--results", str(self._results), "--no-report", "--until", str(pass_))
        done = subprocess.run(
            (str(self._revision.program), "run", *options, *places),
            env=self._revision.variables,
            stdout=subprocess.PIPE,
            text=True,
            check=False,
        )
        said = [line.removeprefix(_RUN) for line in done.stdout.splitlines() if line.startswith(_RUN)]
        if done.returncode not in (ExitCode.OK, ExitCode.FAILED) or not said:
            raise TareError(
                f"the {self.name} revision {self._revision.commit[:12]} measured nothing in pass {pass_}",
                "see what it said above; it must know `run --until`",
            )
        self._run = Path(said[-1])

    def clean(self) -> None:
        """Remove what its harness left behind."""
        argv = (str(self._revision.program), "clean")
        subprocess.run(argv, env=self._revision.variables, stdout=sys.stderr, check=False)


def take_turns(sides: Sequence[Side], seed: int) -> list[Path]:
    """The whole runs of all sides, measured pass by pass.

    Args:
        sides: who takes turns.
        seed: of who goes first.

    Raises:
        TareError: a side could not be measured.
    """
    chance = random.Random(seed)
    try:
        for pass_ in count(1):
            unfinished = [side for side in sides if side.run is None]
            if not unfinished:
                break
            for side in chance.sample(unfinished, len(unfinished)):
                side.take_turn(pass_)
    finally:
        for side in sides:
            side.clean()
    return [side.run for side in sides if side.run is not None]
