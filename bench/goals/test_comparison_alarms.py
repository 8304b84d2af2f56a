"""Goal: of two runs of the same, at most 1 % of the tested metrics alarm, either way alike.

Pairs are drawn from the recorded run, and made of the repeated ones.
Beside it: how many of all metrics have a mean that is 10 % larger, at which pytest-benchmark's
`--benchmark-compare-fail=mean:10%` alarms.
"""

from collections.abc import Iterable, Iterator
from itertools import combinations
from typing import Any

import numpy as np

from bench.goals.drawn import drawn, neighbours, recorded, repeated
from results import Run
from results.comparability import Obstacle
from results.comparison import Verdict, compare
from results.series import Identity

_PAIRS = 200
_GOAL = 0.01
_RULE = 1.10


def test_comparison_alarms_of_drawn_pairs(benchmark: Any) -> None:
    """Passes are drawn anew for both sides, so nothing differs but which of them it were."""
    run, generator = recorded(), np.random.default_rng(1)
    pairs = ((drawn(run, "base", generator), drawn(run, "new", generator)) for _ in range(_PAIRS))
    benchmark.pedantic(lambda: _judge(f"{_PAIRS} pairs drawn from {run.id}", pairs))


def test_comparison_alarms_of_neighbours(benchmark: Any) -> None:
    """Whatever the machine did between one run and the next is in them."""
    pairs = neighbours(repeated())
    benchmark.pedantic(lambda: _judge(f"{len(pairs)} pairs of runs one after the other", pairs))


def test_comparison_alarms_of_all_pairs(benchmark: Any) -> None:
    """Also of runs hours apart, between which the machine may have become another."""
    pairs = list(combinations(repeated(), 2))
    benchmark.pedantic(lambda: _judge(f"all {len(pairs)} pairs of the same runs", pairs))


def _judge(whose: str, pairs: Iterable[tuple[Run, Run]]) -> None:
    found = {Verdict.REGRESSION: 0, Verdict.IMPROVEMENT: 0}
    tested = larger = all_ = 0
    for base, new in pairs:
        comparison = compare(base, new, allowed=list(Obstacle))
        tested += sum(change.p is not None for change in comparison.changes)
        for verdict in found:
            found[verdict] += len(comparison.having(verdict))
        before, after = dict(_means(base)), dict(_means(new))
        all_ += len(before.keys() & after.keys())
        larger += sum(after[name] > _RULE * before[name] for name in before.keys() & after.keys())
    share = sum(found.values()) / tested
    print(
        f"\n{whose}: {share:.2%} of {tested} tested metrics alarm, {found[Verdict.REGRESSION]} as regressions"
        f" and {found[Verdict.IMPROVEMENT]} as improvements; goal at most {_GOAL:.0%}:"
        f" {'met' if share <= _GOAL else 'missed'}; mean:10% alarms at {larger / all_:.1%} of {all_}"
    )


def _means(run: Run) -> Iterator[tuple[Identity, float]]:
    samples: dict[Identity, list[float]] = {}
    for record in run.records:
        if not record.warm_up:
            samples.setdefault(Identity.of(record), []).extend(record.samples)
    return ((name, float(np.mean(found))) for name, found in samples.items() if found)
