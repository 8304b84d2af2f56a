"""The samples of a run regrouped for reading: one measure, and for each subject all its samples of it."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cache, cached_property
from typing import NamedTuple, TypeAlias

from reports.languages import gettext
from reports.units import quantity
from results import Better, Kind, Record, ResultsError, Run, SubjectInfo, Temperature
from results.statistics import Estimate, median, ratio
from results.vocabulary import VOCABULARY, find

_KINDS = tuple(Kind)
_PLACES = {entry: place for place, entry in enumerate(VOCABULARY)}
_Passes: TypeAlias = tuple[tuple[int, tuple[float, ...]], ...]


class Measure(NamedTuple):
    """One thing measured: a metric of a scenario, in one phase and temperature; a key of `Run.by_measure`."""

    scenario: str
    metric: str
    phase: str
    temperature: Temperature
    unit: str
    better: Better

    @property
    def title(self) -> str:
        """What it measures, from the vocabulary, or its own names when it isn't there."""
        entry = find(self.scenario, self.metric)
        words = f"{self.metric} {self.phase}".strip()
        if entry:
            told = dict(entry.phases).get(self.phase)
            words = gettext(told) if told else f"{gettext(entry.meaning)} {self.phase}".strip()
        cold = self.temperature is Temperature.COLD
        return gettext("{what}, cold").format(what=words) if cold else words

    def _order(self) -> tuple[int, int]:
        entry = find(self.scenario, self.metric)
        if entry is None:
            return len(VOCABULARY), 0
        phases = [phase for phase, _ in entry.phases]
        return _PLACES[entry], phases.index(self.phase) if self.phase in phases else len(phases)


@dataclass(frozen=True)
class Series:
    """All samples of one subject for one measure.

    Args:
        subject: whose samples they are.
        measure: what they measure.
        passes: samples by pass, in the measure's unit; empty when nothing could be measured.
        accelerator: "kvm" or "tcg" for a virtual machine.
        notes: the different notes of the records, in order.
        facts: what was found beside the numbers, by name; the last finding where passes differ.
        failures: why measurements failed, in order.
    """

    subject: SubjectInfo
    measure: Measure
    passes: Mapping[int, tuple[float, ...]]
    accelerator: str | None
    notes: tuple[str, ...] = field(default=())
    facts: Mapping[str, str] = field(default_factory=dict)
    failures: tuple[str, ...] = field(default=())

    @property
    def label(self) -> str:
        """The subject's name, marked when it was emulated."""
        return marked(self.subject.name, self.accelerator)

    @cached_property
    def samples(self) -> tuple[float, ...]:
        """All samples, pass after pass."""
        return tuple(sample for key in sorted(self.passes) for sample in self.passes[key])

    @cached_property
    def estimate(self) -> Estimate:
        """The median with its interval."""
        return _median(_frozen(self.passes))

    def ratio_to(self, other: "Series") -> Estimate | None:
        """How many times the other's median this one is; None where that has no meaning."""
        if self.measure.unit != other.measure.unit or self.measure.unit == "bool":
            return None
        try:
            return _ratio(_frozen(self.passes), _frozen(other.passes))
        except ResultsError:
            return None


def _frozen(passes: Mapping[int, tuple[float, ...]]) -> _Passes:
    return tuple(sorted(passes.items()))


# Charts, tables and each language ask for the same ones again, and a bootstrap takes milliseconds.
@cache
def _median(passes: _Passes) -> Estimate:
    return median(dict(passes))


@cache
def _ratio(numerator: _Passes, denominator: _Passes) -> Estimate:
    return ratio(dict(numerator), dict(denominator))


def value(series: Series | None) -> str:
    """The median as a person reads it; a yes or no with what the notes add; a dash for a missing series."""
    if series is None:
        return "\N{EN DASH}"
    text = quantity(series.estimate.value, series.measure.unit)
    return f"{text} ({'; '.join(series.notes)})" if series.measure.unit == "bool" and series.notes else text


def marked(name: str, accelerator: str | None) -> str:
    """A subject's name with "(TCG)" where it was emulated."""
    return f"{name} (TCG)" if accelerator == "tcg" else name


def measures(run: Run, scenario: str) -> tuple[Measure, ...]:
    """The measures of a scenario in the vocabulary's order, then in order of appearance."""
    found = (Measure(*key) for key in run.by_measure if key[0] == scenario)
    return tuple(sorted(found, key=Measure._order))


def is_measured(run: Run, measure: Measure) -> bool:
    """Whether any series of a measure has samples."""
    controls = {subject.name for subject in run.subjects if subject.again}
    return any(
        record.samples and not record.warm_up
        for subject, records in run.by_measure.get(measure, {}).items()
        if subject not in controls
        for record in records
    )


def collect(run: Run, measure: Measure) -> tuple[Series, ...]:
    """The series of every subject that tried it but the control: host, containers, virtual machines."""
    asked = [subject for subject in run.subjects if not subject.again]
    return _collect(run, measure, sorted(asked, key=lambda subject: _KINDS.index(subject.kind)))


def control(run: Run, measure: Measure) -> Estimate | None:
    """The ratio of a subject asked again to itself: 1 but for noise; None where it wasn't."""
    pairs = [
        (again, subject) for again in run.subjects for subject in run.subjects if subject.name == again.again
    ]
    if not pairs:
        return None
    found = _collect(run, measure, pairs[0])
    return found[0].ratio_to(found[1]) if len(found) == len(pairs[0]) else None


def lookup(run: Run, subject: str, scenario: str, metric: str, phase: str = "") -> Series | None:
    """One subject's series of one measure, warm rather than cold; None when it was never tried."""
    candidates = [
        series
        for measure in measures(run, scenario)
        if (measure.metric, measure.phase) == (metric, phase)
        for series in collect(run, measure)
        if series.subject.name == subject
    ]
    candidates.sort(key=lambda series: series.measure.temperature is Temperature.COLD)
    return candidates[0] if candidates else None


def accelerator_of(run: Run) -> str | None:
    """What the run's virtual machines ran on: "tcg" when any of them was emulated."""
    found = {record.accelerator for record in run.records if record.accelerator}
    return "tcg" if "tcg" in found else next(iter(found), None)


def _collect(run: Run, measure: Measure, subjects: Iterable[SubjectInfo]) -> tuple[Series, ...]:
    grouped = run.by_measure.get(measure, {})
    return tuple(
        _series(subject, measure, grouped[subject.name]) for subject in subjects if subject.name in grouped
    )


def _series(subject: SubjectInfo, measure: Measure, records: Sequence[Record]) -> Series:
    passes: dict[int, tuple[float, ...]] = {}
    for record in records:
        if record.samples and not record.warm_up:
            passes[record.pass_] = passes.get(record.pass_, ()) + record.samples
    accelerators = [record.accelerator for record in records if record.accelerator]
    return Series(
        subject,
        measure,
        passes,
        accelerators[0] if accelerators else None,
        notes=tuple(dict.fromkeys(record.notes for record in records if record.valid and record.notes)),
        facts={name: finding for record in records for name, finding in record.facts},
        failures=tuple(dict.fromkeys(record.notes for record in records if not record.valid)),
    )
