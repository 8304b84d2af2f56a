"""Runs in the formats of other programs: one file a format in `results/exports/`, each with an `export`."""

import pkgutil
from collections.abc import Sequence
from dataclasses import replace
from importlib import import_module

from results import exports
from results.errors import ResultsError
from results.record import Better
from results.run import Run
from tare.errors import UsageError


def formats() -> tuple[str, ...]:
    """The names of all formats."""
    return tuple(entry.name.replace("_", "-") for entry in pkgutil.iter_modules(exports.__path__))


def export(runs: Sequence[Run], name: str, better: Better | None = None) -> str:
    """The runs in the format of that name.

    Args:
        runs: what to export, at least one.
        name: one of `formats`.
        better: only metrics that improve this way; None for both.

    Raises:
        ResultsError: a run is there twice, or has nothing that the format can hold.
        UsageError: there is no such format, or it can't hold several runs or both ways.
    """
    if name not in formats():
        raise UsageError(f"no format is called {name!r}", f"choose from {', '.join(formats())}")
    ids = [run.id for run in runs]
    if twice := [each for index, each in enumerate(ids) if each in ids[:index]]:
        raise ResultsError(f"two of the runs are called {twice[0]}", "give each run once")
    module = import_module(f"{exports.__name__}.{name.replace('-', '_')}")
    exported: str = module.export([_only(run, better) for run in runs] if better else runs)
    return exported


def single(runs: Sequence[Run]) -> Run:
    """The run, for a format that holds one. Raises: UsageError: there are several."""
    if len(runs) > 1:
        raise UsageError("this format holds a single run", "export them one by one")
    return runs[0]


def _only(run: Run, better: Better) -> Run:
    return replace(run, records=tuple(record for record in run.records if record.better is better))
