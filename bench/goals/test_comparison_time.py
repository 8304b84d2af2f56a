"""Goal: two runs of the standard profile are compared within 2 s, from the command to its end."""

import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np

from bench.goals.drawn import drawn, recorded
from results.store import Store

_ROUNDS = 10
_GOAL = 2.0


def test_comparison_time(benchmark: Any, tmp_path: Path) -> None:
    """With the interpreter's start, reading both files and checking them."""
    run, generator, store = recorded(), np.random.default_rng(1), Store(tmp_path)
    paths = [str(store.save(drawn(run, name, generator))) for name in ("base", "new")]
    command = (sys.executable, "-m", "bench.cli", "compare", *paths)
    benchmark.pedantic(
        lambda: subprocess.run(command, stdout=subprocess.DEVNULL, check=False), rounds=_ROUNDS
    )
    seconds = benchmark.stats["median"]
    print(
        f"\ncompare takes {seconds:.2f} s for {len(run.records)} records a run;"
        f" goal {_GOAL:g} s: {'met' if seconds <= _GOAL else 'missed'}"
    )
