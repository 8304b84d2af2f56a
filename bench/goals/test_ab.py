"""Goals: `tarebench ab` finds 20 ms more in each start of tarebox, and nothing between a revision and itself.

Both revisions are built of the clone in the working directory: its HEAD, and a commit on top that sleeps.
"""

import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pytest

from results.comparison import Outcome

_FILE = "runtime/engine.py"
_BEFORE = "        if self._control.fileno() < 0:\n"
_SLEEP = "        __import__('time').sleep(0.02)\n"
_METRIC = "startup/time/first-output"
_OPTIONS = ("--profile", "quick", "--scenarios", "startup", "--subjects", "host,tarebox")


@pytest.mark.parametrize(("base", "goal"), [("HEAD~1", Outcome.REGRESSION), ("HEAD", Outcome.UNCHANGED)])
def test_ab(benchmark: Any, tmp_path: Path, base: str, goal: Outcome) -> None:
    """Whole: two builds, the passes of both in turns, and the comparison."""
    clone = tmp_path / "clone"
    _git("clone", "--quiet", ".", str(clone))
    text = (clone / _FILE).read_text()
    (clone / _FILE).write_text(text.replace(_BEFORE, _SLEEP + _BEFORE, 1))
    _git("-C", str(clone), "commit", "--quiet", "--all", "--message", "Sleep")
    argv = (
        str(Path(sys.executable).with_name("tarebench")),
        *("ab", "--base", base, "--repository", str(clone), "--results", str(tmp_path / "results")),
        *("--format", "markdown"),
        *("--", *_OPTIONS),
    )

    def compared() -> "tuple[float, subprocess.CompletedProcess[str]]":
        began = time.monotonic()
        done = subprocess.run(argv, stdout=subprocess.PIPE, text=True, check=False)
        return time.monotonic() - began, done

    seconds, done = benchmark.pedantic(compared)
    alarms = [line for line in done.stdout.splitlines() if "| regression |" in line]
    is_found = goal is Outcome.UNCHANGED or any(_METRIC in line for line in alarms)
    met = done.returncode == goal and is_found
    print(
        f"\nab of {base} and HEAD in {seconds:.0f} s: exit code {done.returncode};"
        f" goal {int(goal)}: {'met' if met else 'missed'}"
    )


def _git(*argv: str) -> None:
    person = ("-c", "user.name=Tarebench", "-c", "user.email=tarebench@localhost")
    subprocess.run(("git", *person, *argv), check=True)
