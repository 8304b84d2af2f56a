"""The series of two runs, paired by all that identifies one."""

from collections.abc import Mapping
from dataclasses import dataclass
from statistics import median
from typing import TypeAlias

from results.joined import parts
from results.run import Run
from results.series import Identity, all_series
from results.vocabulary import is_exact

Medians: TypeAlias = Mapping[int, float]
"""The median of each pass by its number, in order."""


@dataclass(frozen=True)
class Pair:
    """One series of both runs."""

    identity: Identity
    base: Medians
    new: Medians

    @property
    def is_positive(self) -> bool:
        """Whether all medians are above zero, so that their ratio has a meaning."""
        return min(*self.base.values(), *self.new.values()) > 0


@dataclass(frozen=True)
class Pairing:
    """The series of two runs: those of both, and those that only one has."""

    pairs: tuple[Pair, ...]
    gone: tuple[Identity, ...]
    added: tuple[Identity, ...]


def pair(base: Run, new: Run) -> Pairing:
    """Pair the series of two runs, without those of controls."""
    before, after = medians(base), medians(new)
    again = {subject.name for run in (base, new) for subject in run.subjects if subject.again}
    return Pairing(
        tuple(
            Pair(identity, _compared(base, identity, before), _compared(new, identity, after))
            for identity in before
            if identity in after and identity.subject not in again
        ),
        _only(before, after, again),
        _only(after, before, again),
    )


def _compared(run: Run, identity: Identity, found: Mapping[Identity, Medians]) -> Medians:
    """Of several runs as one the newest says what is exact now."""
    passes = found[identity]
    return parts(run, passes)[-1] if is_exact(identity.scenario, identity.metric) else passes


def medians(run: Run) -> dict[Identity, Medians]:
    """The median of each pass of every series; warm-up is in none."""
    return {
        series.identity: {number: median(series.passes[number]) for number in sorted(series.passes)}
        for series in all_series(run)
    }


def _only(
    these: Mapping[Identity, Medians], others: Mapping[Identity, Medians], again: set[str]
) -> tuple[Identity, ...]:
    return tuple(each for each in these if each not in others and each.subject not in again)
