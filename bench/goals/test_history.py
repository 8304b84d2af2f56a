"""Goals of the history: changes are found where they are, hardly any besides, and a thousand runs in 20 s."""

import time
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from bench.goals.drawn import recorded
from results.history import kept, summary
from results.history.change_points import change_points
from results.history.directory import SUMMARY
from results.history.document import packed
from results.history.trend import trends
from results.pairing import medians

_SERIES = 500
_RUNS = 60
_STEP = 0.05
_NEAR = 2
_QUIET = 200
_MANY = 1000
_LONGEST = 20.0
_EDGE = 8
_PASSES = 10


@pytest.mark.parametrize("host", ["a quiet host", "the recorded run's host"])
def test_history_changes(benchmark: Any, host: str) -> None:
    """Series with and without a step of 5 %, whose noise is 2 %, or that of medians of the recorded run."""
    noises = _noises() if host.startswith("the") else [np.random.default_rng(2).normal(0, 0.05, 10_000)]
    generator = np.random.default_rng(1)
    near, false, runs, wide = 0, 0, 0, []

    def repeat() -> None:
        nonlocal near, false, runs
        for _ in range(_SERIES):
            place = int(generator.integers(_EDGE, _RUNS - _EDGE + 1))
            series = _series(noises, _RUNS, generator)
            wide.append(float(np.std(np.log(series))))
            series[place:] *= 1 + _STEP
            near += any(abs(found.index - place) <= _NEAR for found in change_points(series.tolist()))
        for _ in range(_QUIET):
            false += len(change_points(_series(noises, _MANY, generator).tolist()))
            runs += _MANY

    benchmark.pedantic(repeat)
    rate, often = near / _SERIES, 1000 * false / runs
    print(
        f"\n{host}, noise {np.median(wide):.1%}: a step of {_STEP:.0%} among {_RUNS} runs found"
        f" within {_NEAR} runs in {rate:.0%} of {_SERIES} series;"
        f" goal at least 90%: {'met' if rate >= 0.9 else 'missed'}"
        f"\nfalse points: {often:.2f} in 1,000 runs of {_QUIET} series; goal at most 1:"
        f" {'met' if often <= 1 else 'missed'}"
    )


def test_history_time(benchmark: Any, tmp_path: Path) -> None:
    """A thousand runs as large as the recorded one, read from a directory, and all their series searched."""
    run, generator = recorded(), np.random.default_rng(1)
    short = summary(run)
    place = tmp_path / short.machine
    place.mkdir()
    for number in range(_MANY):
        noise = np.exp(generator.normal(0, 0.02, len(short.values)))
        values = {
            key: value * float(factor)
            for (key, value), factor in zip(short.values.items(), noise, strict=True)
        }
        one = replace(short, id=f"r{number:04}", started=f"{number:04}", values=values)
        (place / f"{one.id}{SUMMARY}").write_bytes(packed(one.as_json()))

    def search() -> float:
        began = time.monotonic()
        trends(kept(str(tmp_path)).summaries(short.machine))
        return time.monotonic() - began

    seconds = benchmark.pedantic(search)
    print(
        f"\nhistory of {_MANY} runs with {len(short.values)} series: {seconds:.1f} s;"
        f" goal at most {_LONGEST:g} s: {'met' if seconds <= _LONGEST else 'missed'}"
    )


def _noises() -> list[NDArray[np.float64]]:
    """Of each startup series of the recorded run, how far its passes are from their median, in logarithms."""
    series = [
        np.asarray(list(passes.values()))
        for identity, passes in medians(recorded()).items()
        if (identity.scenario, identity.metric) == ("startup", "time")
    ]
    return [np.log(each / np.median(each)) for each in series if len(each) > 4 and each.min() > 0]


def _series(
    noises: list[NDArray[np.float64]], runs: int, generator: np.random.Generator
) -> NDArray[np.float64]:
    """Medians of as many passes as a run has, drawn from real ones."""
    noise = noises[int(generator.integers(len(noises)))]
    drawn = generator.choice(noise, (runs, _PASSES))
    series: NDArray[np.float64] = np.exp(np.median(drawn, axis=1))
    return series
