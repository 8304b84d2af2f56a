"""Several runs as one, such as the baseline that a new run is compared with."""

from bisect import bisect_right
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import TypeVar

from results.run import Run

JOINED = "joined"
"""In the plan of such a run: the number of the first pass of each."""
_Value = TypeVar("_Value")


def joined(runs: Sequence[Run]) -> Run:
    """Runs as one, the newest last: its host and plan, and the passes of all, numbered anew."""
    newest = runs[-1]
    records, first, begun = [], 0, []
    for run in runs:
        begun.append(first + 1)
        records += [replace(record, pass_=first + record.pass_) for record in run.records]
        first += max((record.pass_ for record in run.records), default=0)
    return replace(
        newest,
        id=f"baseline-{newest.id}",
        plan={**newest.plan, JOINED: begun},
        records=tuple(records),
        visits=(),
        precision=(),
    )


def part(run: Run, number: int) -> int:
    """Of which of its runs a pass is, counted from the oldest; 0 of a run that isn't several."""
    return max(0, bisect_right(run.plan.get(JOINED, ()), number) - 1)


def parts(run: Run, passes: Mapping[int, _Value]) -> list[dict[int, _Value]]:
    """The passes of each of its runs that has any, the oldest first."""
    found: dict[int, dict[int, _Value]] = {}
    for number, value in passes.items():
        found.setdefault(part(run, number), {})[number] = value
    return [found[place] for place in sorted(found)]
