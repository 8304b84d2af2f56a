"""What a history keeps of a run at hand: one number for each of its series."""

import json
import re
from collections.abc import Mapping
from dataclasses import asdict, astuple, dataclass, field
from statistics import median
from typing import Any

from results.errors import ResultsError
from results.joined import JOINED
from results.pairing import medians
from results.record import Better, Kind, Temperature
from results.run import Run
from results.series import Identity

_MACHINE = re.compile(r"[0-9A-Za-z][0-9A-Za-z._-]*")


@dataclass(frozen=True)
class Summary:
    """One run in short.

    Args:
        id: the run's.
        machine: the id of the host it ran on.
        started: ISO 8601 in UTC; what a history is sorted by.
        profile: the name of its plan.
        commit: what was measured; empty where that isn't known.
        link: where to read about the commit; empty where that isn't known.
        values: the median of the passes' medians, in the unit of the series, by its `key`.
        kinds: the kind of each subject, by its name.
    """

    id: str
    machine: str
    started: str
    profile: str
    commit: str
    link: str
    values: Mapping[str, float]
    kinds: Mapping[str, Kind] = field(default_factory=dict)

    def as_json(self) -> dict[str, Any]:
        """For a file."""
        return asdict(self)

    @classmethod
    def from_json(cls, content: Mapping[str, Any]) -> "Summary":
        """The summary of what `as_json` gave."""
        kinds = {name: Kind(kind) for name, kind in content.get("kinds", {}).items()}
        return cls(**{**content, "kinds": kinds})


def summary(run: Run) -> Summary:
    """Of a run; controls are left out.

    Raises:
        ResultsError: it isn't complete, is several runs as one, or doesn't say whose it is.
    """
    if JOINED in run.plan:
        raise ResultsError(f"{run.id} is several runs as one", "keep each of them")
    if not run.complete:
        raise ResultsError(f"run {run.id} was ended before its plan was done", "finish it with `--resume`")
    machine = str(run.host.get("machine", ""))
    if not _MACHINE.fullmatch(machine):
        raise ResultsError(f"run {run.id} does not say on which machine it was made", "measure again")
    again = {subject.name for subject in run.subjects if subject.again}
    source = run.host.get("source", {})
    return Summary(
        run.id,
        machine,
        run.started,
        run.profile,
        source.get("commit", ""),
        source.get("link", ""),
        {
            key(series): median(passes.values())
            for series, passes in medians(run).items()
            if series.subject not in again
        },
        {subject.name: subject.kind for subject in run.subjects},
    )


def key(identity: Identity) -> str:
    """A series as one word: a history has millions, of which few are looked at."""
    return json.dumps(astuple(identity), ensure_ascii=False)


def identity(key: str) -> Identity:
    """The series of `key`. Raises: ValueError, TypeError: it is none."""
    subject, scenario, metric, phase, temperature, unit, better, accelerator = json.loads(key)
    return Identity(
        subject, scenario, metric, phase, Temperature(temperature), unit, Better(better), accelerator
    )
