"""Goal: starts 10 % slower are found in 95 % of comparisons of standard runs, those 5 % slower in 70 %.

Pairs are drawn from the recorded run, and made of the repeated ones, each with the next, either way.
"""

from collections.abc import Iterable, Iterator
from typing import Any

import numpy as np
import pytest

from bench.goals.drawn import drawn, neighbours, recorded, repeated, slowed
from results import Kind, Run
from results.comparability import Obstacle
from results.comparison import Verdict, compare

_PAIRS = 100
_FOUND = "startup/time/first-output"

goals = pytest.mark.parametrize(("share", "goal"), [(0.10, 0.95), (0.05, 0.70)])


@goals
def test_comparison_power_of_drawn_pairs(benchmark: Any, share: float, goal: float) -> None:
    """One container at a time is slower than it was, among all metrics of the run."""
    run, generator = recorded(), np.random.default_rng(1)
    containers = _containers(run)
    pairs = (
        (drawn(run, "base", generator), drawn(run, "new", generator), containers[number % len(containers)])
        for number in range(_PAIRS)
    )
    benchmark.pedantic(lambda: _judge(f"drawn from {run.id}", pairs, share, goal))


@goals
def test_comparison_power_of_neighbours(benchmark: Any, share: float, goal: float) -> None:
    """Whatever the machine did between two runs is in them."""
    found = neighbours(repeated())
    either = [*found, *((new, base) for base, new in found)]
    pairs = ((base, new, name) for base, new in either for name in _containers(new))
    benchmark.pedantic(lambda: _judge(f"of {len(either)} pairs of runs, either way", pairs, share, goal))


def _containers(run: Run) -> list[str]:
    started = {record.subject for record in run.records if record.scenario == "startup"}
    return [
        subject.name
        for subject in run.subjects
        if subject.kind is Kind.CONTAINER and not subject.again and subject.name in started
    ]


def _judge(whose: str, pairs: Iterable[tuple[Run, Run, str]], share: float, goal: float) -> None:
    made: dict[str, list[bool]] = {}
    for base, new, subject in pairs:
        regressions = compare(base, slowed(new, subject, share), allowed=list(Obstacle)).having(
            Verdict.REGRESSION
        )
        named = {(change.identity.subject, change.identity.name) for change in regressions}
        made.setdefault(subject, []).append((subject, _FOUND) in named)
    every = [is_found for found in made.values() for is_found in found]
    rate = sum(every) / len(every)
    print(
        f"\nstarts {share:+.0%}: found in {rate:.0%} of {len(every)} comparisons {whose}, by container"
        f" {dict(_rates(made))}; goal at least {goal:.0%}: {'met' if rate >= goal else 'missed'}"
    )


def _rates(made: dict[str, list[bool]]) -> Iterator[tuple[str, str]]:
    return ((name, f"{sum(found)} of {len(found)}") for name, found in made.items())
