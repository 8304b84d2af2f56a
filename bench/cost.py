"""How long visits take: what like visits took before, or a guess by the kind of the subject."""

from collections import defaultdict
from collections.abc import Iterable, Mapping
from contextlib import suppress

from results import Kind, ResultsError, Run
from results.store import Store

_GUESS = {Kind.HOST: 1.0, Kind.CONTAINER: 1.5, Kind.VM: 10.0}
_RECENT = 5
"""Runs that are looked at: each takes a while to be read and checked."""


class Costs:
    """Expected seconds of a visit, by scenario and subject.

    Args:
        kinds: the kind of each subject.
        earlier: runs whose visits count.
    """

    def __init__(self, kinds: Mapping[str, Kind], earlier: Iterable[Run] = ()) -> None:
        self._kinds = kinds
        self._taken: dict[tuple[str, str], list[float]] = defaultdict(list)
        for run in earlier:
            for visit in run.visits:
                self.add(visit.scenario, visit.subject, visit.seconds)

    def add(self, scenario: str, subject: str, seconds: float) -> None:
        """A visit took so long."""
        self._taken[scenario, subject].append(seconds)

    def known(self, scenario: str, subject: str) -> bool:
        """Whether such a visit was ever made."""
        return (scenario, subject) in self._taken

    def of(self, scenario: str, subject: str) -> float:
        """Seconds a visit takes: as this subject's did, or those of its kind, or a guess."""
        kind = self._kinds[subject]
        alike = self._taken.get((scenario, subject)) or [
            seconds
            for (other, name), taken in self._taken.items()
            if other == scenario and self._kinds.get(name) is kind
            for seconds in taken
        ]
        return sum(alike) / len(alike) if alike else _GUESS[kind]


def earlier(store: Store, machine: object, profile: str) -> list[Run]:
    """The last runs of that machine with that profile; what can't be read is none."""
    runs = []
    for path in store.recent(_RECENT):
        with suppress(ResultsError):
            runs.append(store.load(path))
    return [run for run in runs if (run.host.get("machine"), run.profile) == (machine, profile)]
