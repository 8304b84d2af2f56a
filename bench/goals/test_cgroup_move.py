"""What a move to another control group costs at rest, and right after another: a start may meet either."""

import subprocess
import time
from pathlib import Path
from typing import Any

from bench.goals.rounds import interleave
from bench.rest import rest
from results.statistics import median
from runtime.cgroups.detect import driver
from runtime.spec import Limits

_ROUNDS = 60
_NAME = "tarebench-move"


def test_cgroup_move(benchmark: Any) -> None:
    """A sleeping process is moved between two groups as runtimes do, by its number in cgroup.procs."""
    samples: dict[str, dict[int, list[float]]] = {}
    groups = driver(_NAME)
    groups.prepare()
    process = subprocess.Popen(("sleep", "1000"))
    try:
        made = [groups.create(f"{_NAME}-{number}", Limits(pids=8)) for number in range(2)]
        turn = 0

        def moved() -> float:
            nonlocal turn
            turn += 1
            listing = Path(made[turn % 2].paths[0], "cgroup.procs")
            before = time.monotonic_ns()
            listing.write_text(str(process.pid))
            return (time.monotonic_ns() - before) / 1e9

        def both() -> dict[str, float]:
            rest()
            return {"at rest": moved(), "right after": moved()}

        benchmark.pedantic(lambda: samples.update(interleave({"both": both}, _ROUNDS)))
    finally:
        process.kill()
        process.wait()
        groups.close()
    at_rest, after = (median(samples[name]).value for name in ("at rest", "right after"))
    benchmark.extra_info.update(at_rest=at_rest, right_after=after)
    print(
        f"\na move to another control group: {at_rest * 1e3:.3f} ms at rest,"
        f" {after * 1e3:.3f} ms right after one"
    )
