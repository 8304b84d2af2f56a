"""Sixty runs of which it is known what changed and when."""

from dataclasses import replace

import numpy as np
from synthetic_run import only, synthetic_run

from reports.trends import History
from results.history import Summary, summary
from results.history.summary import identity
from results.history.trend import trends

COMMITS = "https://git.example/a/b/commit"
RUNS = 60
SLOWER = 41
"""The number of the run from which on tarebox takes 6 % more to start."""
FASTER = 50
"""The number of the run from which on vm-q35 is deployed in 20 % less time."""


def synthetic_history(count: int = RUNS) -> History:
    """A few scenarios, each series with a noise of 1 %, a run a night."""
    run = only(synthetic_run(), "startup", "deploy", "image-size")
    short = summary(replace(run, host={**run.host, "machine": "0123456789abcdef"}))
    generator = np.random.default_rng(1)
    runs = tuple(_night(short, number, generator) for number in range(1, count + 1))
    mains = {"startup": ("time", "first-output"), "deploy": ("time", "answered")}
    return History(short.machine, short.profile, runs, trends(runs), mains)


def _night(short: Summary, number: int, generator: np.random.Generator) -> Summary:
    values = {
        key: value * _factor(key, number) * float(np.exp(generator.normal(0, 0.01)))
        for key, value in short.values.items()
    }
    return replace(
        short,
        id=f"night-{number:02}",
        started=f"2026-{1 + number // 28:02}-{1 + number % 28:02}T02:17:00.000+00:00",
        commit=f"{number:040x}",
        link=f"{COMMITS}/{number:040x}",
        values=values,
    )


def _factor(key: str, number: int) -> float:
    series = identity(key)
    if (series.subject, series.scenario, series.metric) == ("tarebox", "startup", "time"):
        return 1.06 if number >= SLOWER else 1.0
    return 0.8 if (series.subject, series.scenario) == ("vm-q35", "deploy") and number >= FASTER else 1.0
