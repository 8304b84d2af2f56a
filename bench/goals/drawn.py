"""Runs whose truth is known and whose noise is real: drawn from the passes of a recorded one, or repeated."""

import os
from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime, timedelta
from itertools import pairwise
from pathlib import Path

import numpy as np

import results
from results import Record, Run
from results.store import Store
from tare.errors import UsageError

RECORDED = Path(results.__path__[0]) / "recorded"
_PROFILE = "standard"
_SOON = timedelta(minutes=10)


def recorded() -> Run:
    """The recorded run of the standard profile, or another where there is none."""
    store = Store(RECORDED)
    runs = [store.load(path) for path in sorted(RECORDED.glob("*.json*"))]
    return max(runs, key=lambda run: (run.profile == _PROFILE, len(run.records)))


def repeated() -> list[Run]:
    """Runs of one host between which nothing changed, by age: recorded, or in TAREBENCH_RUNS.

    Raises:
        UsageError: there aren't two.
    """
    directory = Path(os.environ.get("TAREBENCH_RUNS", RECORDED / "repeated"))
    paths = list(directory.glob("*.json*"))
    if len(paths) < 2:
        raise UsageError(f"{directory} doesn't have two runs", "name a directory of runs in TAREBENCH_RUNS")
    return sorted(map(Store(directory).load, paths), key=lambda run: run.started)


def neighbours(runs: Sequence[Run]) -> list[tuple[Run, Run]]:
    """Each with the one that followed within ten minutes: what a host has by the hour is not between them."""
    return [pair for pair in pairwise(runs) if _began(pair[1]) - _ended(pair[0]) <= _SOON]


def _began(run: Run) -> datetime:
    return datetime.fromisoformat(run.started)


def _ended(run: Run) -> datetime:
    return datetime.fromisoformat(run.finished or run.started)


def drawn(run: Run, name: str, generator: np.random.Generator, passes: int | None = None) -> Run:
    """Passes drawn with replacement, each with all subjects that were asked in it.

    Args:
        run: whose passes they are.
        name: the new run's id.
        generator: of the draws.
        passes: how many of each scenario that has several; as many as it has by default.
    """
    visits: dict[str, dict[int, list[Record]]] = {}
    for record in run.records:
        if not record.warm_up:
            visits.setdefault(record.scenario, {}).setdefault(record.pass_, []).append(record)
    records = tuple(
        replace(record, pass_=place)
        for made in visits.values()
        for place, number in enumerate(
            generator.choice(list(made), size=passes if passes and len(made) > 1 else len(made)), start=1
        )
        for record in made[int(number)]
    )
    return replace(run, id=name, records=records)


def slowed(run: Run, subject: str, share: float) -> Run:
    """As if each start of the subject had taken longer by that share of its median time to first output.

    Its control is the subject too.
    """
    same = {each.name for each in run.subjects if subject in (each.name, each.again)}
    starts = [record for record in run.records if (record.scenario, record.metric) == ("startup", "time")]
    first = [
        sample
        for record in starts
        if (record.subject, record.phase) == (subject, "first-output")
        for sample in record.samples
    ]
    spin = share * float(np.median(first))
    return replace(
        run,
        records=tuple(
            replace(record, samples=tuple(sample + spin for sample in record.samples))
            if (record.scenario, record.metric) == ("startup", "time") and record.subject in same
            else record
            for record in run.records
        ),
    )
