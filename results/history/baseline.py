"""What a new run is compared with: the newest runs of its machine and plan, as if they were one."""

from collections.abc import Sequence
from dataclasses import replace

from results.errors import ResultsError
from results.floor import JOINED
from results.history.keep import Keep
from results.run import Run

RUNS = 5


def baseline(keep: Keep, machine: str, profile: str, count: int = RUNS, before: str = "") -> Run:
    """The newest runs joined: the newest one's host and plan, and the passes of all, numbered anew.

    Args:
        keep: where runs are kept.
        machine: whose runs.
        profile: of which plan.
        count: of so many runs at most.
        before: the id of a run that is not to be among them, nor any later one.

    Raises:
        ResultsError: there is none, or one can't be read.
    """
    known = [each for each in keep.summaries(machine) if each.profile == profile]
    ids = [each.id for each in known]
    chosen = ids[: ids.index(before)] if before in ids else ids
    if not chosen:
        raise ResultsError(
            f"no run of profile {profile} is kept of machine {machine}",
            "keep one with `tarebench history add`",
        )
    return joined([keep.run(machine, run_id) for run_id in chosen[-count:]])


def joined(runs: Sequence[Run]) -> Run:
    """Runs as one; at least one, the newest last."""
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
