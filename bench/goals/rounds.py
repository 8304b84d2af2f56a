"""Times several things in random order, a round at a time, and holds their ratios against goals."""

import random
from collections.abc import Callable, Mapping
from typing import Any

from results.statistics import median, ratio

_WARM_UP = 3

Samples = dict[str, dict[int, list[float]]]


def interleave(runs: Mapping[str, Callable[[], Mapping[str, float]]], rounds: int) -> Samples:
    """Seconds by name and round; each run returns what it timed by name, and the first rounds don't count."""
    samples: Samples = {}
    for number in range(-_WARM_UP, rounds):
        for run in random.sample(sorted(runs), len(runs)):
            for name, seconds in runs[run]().items():
                if number >= 0:
                    samples.setdefault(name, {})[number] = [seconds]
    return samples


def verdict(benchmark: Any, samples: Samples, ours: str, goals: Mapping[str, float]) -> str:
    """What was measured of ours beside each other's, in words; the figures go into the benchmark's file."""
    parts = []
    for name, goal in goals.items():
        estimate = ratio(samples[ours], samples[name])
        benchmark.extra_info[f"ratio {ours} {name}"] = [estimate.value, estimate.low, estimate.high]
        parts.append(
            f"{estimate.value:.2f} [{estimate.low:.2f}, {estimate.high:.2f}] of {name}'s"
            f" {median(samples[name]).value * 1e3:.2f} ms"
            f" (goal {goal}: {'met' if estimate.value <= goal else 'missed'})"
        )
    return f"{ours} {median(samples[ours]).value * 1e3:.2f} ms, {', '.join(parts)}"
