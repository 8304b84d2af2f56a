"""The series of two runs, paired by all that identifies one."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from statistics import median
from typing import Self, TypeAlias

from results.record import Better, Record, Temperature
from results.run import Run

Medians: TypeAlias = Mapping[int, float]
"""The median of each pass by its number, in order."""


@dataclass(frozen=True)
class Identity:
    """What makes two series the same: whose samples they are, and of what."""

    subject: str
    scenario: str
    metric: str
    phase: str
    temperature: Temperature
    unit: str
    better: Better
    accelerator: str | None

    @classmethod
    def of(cls, record: Record) -> Self:
        """Of a record's samples."""
        return cls(
            record.subject,
            record.scenario,
            record.metric,
            record.phase,
            record.temperature,
            record.unit,
            record.better,
            record.accelerator,
        )

    @property
    def name(self) -> str:
        """What is measured, as a threshold is given for it: `startup/time/exit`."""
        cold = str(self.temperature) if self.temperature is Temperature.COLD else ""
        return "/".join(part for part in (self.scenario, self.metric, self.phase, cold) if part)

    @property
    def measure(self) -> "Identity":
        """The same of any subject."""
        return replace(self, subject="", accelerator=None)

    def __str__(self) -> str:
        whose = ",".join(part for part in (self.subject, self.accelerator) if part)
        return f"{self.name}[{whose}]"


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
            Pair(identity, before[identity], after[identity])
            for identity in before
            if identity in after and identity.subject not in again
        ),
        _only(before, after, again),
        _only(after, before, again),
    )


def medians(run: Run) -> dict[Identity, Medians]:
    """The median of each pass of every series; warm-up is in none."""
    passes: dict[Identity, dict[int, list[float]]] = {}
    for record in run.records:
        if record.samples and not record.warm_up:
            passes.setdefault(Identity.of(record), {}).setdefault(record.pass_, []).extend(record.samples)
    return {
        identity: {number: median(samples[number]) for number in sorted(samples)}
        for identity, samples in passes.items()
    }


def _only(
    these: Mapping[Identity, Medians], others: Mapping[Identity, Medians], again: set[str]
) -> tuple[Identity, ...]:
    return tuple(each for each in these if each not in others and each.subject not in again)
