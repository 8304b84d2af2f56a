"""The samples of a run by what they measure: one series for all passes of one subject."""

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property

from results.record import Better, Record, Temperature
from results.run import Run
from results.statistics import Estimate, median


@dataclass(frozen=True)
class Series:
    """All samples of one subject for one metric, in one phase and temperature, without warm-up.

    Args:
        passes: samples by pass, in `unit`; none is empty.
    """

    subject: str
    scenario: str
    metric: str
    phase: str
    temperature: Temperature
    accelerator: str | None
    unit: str
    better: Better
    passes: Mapping[int, tuple[float, ...]]

    @property
    def measure(self) -> str:
        """What is measured, such as "startup/time/first-output"."""
        parts = [self.scenario, self.metric, self.phase]
        if self.temperature is Temperature.COLD:
            parts.append(str(self.temperature))
        return "/".join(part for part in parts if part)

    @property
    def name(self) -> str:
        """What is measured of whom, such as "startup/time/first-output[vm-micro,tcg]"."""
        return f"{self.measure}[{','.join(part for part in (self.subject, self.accelerator) if part)}]"

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
    groups: dict[tuple[object, ...], list[Record]] = {}
    for record in run.records:
        if record.samples and not record.warm_up:
            what = (record.scenario, record.metric, record.phase, record.temperature)
            key = (*what, record.subject, record.accelerator, record.unit, record.better)
            groups.setdefault(key, []).append(record)
    return tuple(_series(records) for records in groups.values())


def _series(records: list[Record]) -> Series:
    passes: dict[int, tuple[float, ...]] = {}
    for record in records:
        passes[record.pass_] = passes.get(record.pass_, ()) + record.samples
    first = records[0]
    return Series(
        first.subject,
        first.scenario,
        first.metric,
        first.phase,
        first.temperature,
        first.accelerator,
        first.unit,
        first.better,
        passes,
    )
