"""The samples of a run by what they measure: one series for all passes of one subject."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Self

from results.record import Better, Record, Temperature
from results.run import Run
from results.statistics import Estimate, median


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
class Series:
    """All samples of one subject for one metric, in one phase and temperature, without warm-up.

    Args:
        identity: whose they are, and of what.
        passes: samples by pass, in the unit of the series; none is empty.
    """

    identity: Identity
    passes: Mapping[int, tuple[float, ...]]

    @property
    def samples(self) -> tuple[float, ...]:
        """All samples, pass after pass."""
        return tuple(sample for key in sorted(self.passes) for sample in self.passes[key])

    @cached_property
    def estimate(self) -> Estimate:
        """The median with its interval."""
        return median(self.passes)


def all_series(run: Run) -> tuple[Series, ...]:
    """The series of a run in order of appearance; what has no samples is in none."""
    groups: dict[Identity, dict[int, tuple[float, ...]]] = {}
    for record in run.records:
        if record.samples and not record.warm_up:
            passes = groups.setdefault(Identity.of(record), {})
            passes[record.pass_] = passes.get(record.pass_, ()) + record.samples
    return tuple(Series(identity, passes) for identity, passes in groups.items())
