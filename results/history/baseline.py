"""What a new run is compared with: the newest runs of its machine and plan, as if they were one."""

from results.errors import ResultsError
from results.history.keep import Keep
from results.joined import joined
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
