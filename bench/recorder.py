"""What a scenario writes its samples with."""

from collections.abc import Iterable, Mapping
from dataclasses import replace

from bench.plan import Visit
from bench.profile import Profile
from bench.subject import Subject, Timeline
from results import Better, Record, Temperature
from results.journal import Journal


class Recorder:
    """Journals the samples of one visit as they arrive.

    Args:
        visit: what is being asked of whom.
        subject: who is asked.
        profile: how much work to do.
        journal: where records go.
        remark: what is to be noted with every valid record.

    `warms_up`: whether the first round is warm-up; `warm_up`: whether it is on; `records`: those kept.
    """

    def __init__(
        self, visit: Visit, subject: Subject, profile: Profile, journal: Journal, remark: str = ""
    ) -> None:
        self._visit = visit
        self._subject = subject
        self._journal = journal
        self._remark = remark
        self.profile = profile
        effort = profile.effort(visit.scenario)
        self.rounds = effort.rounds_for(subject.kind)
        self.samples = profile.samples_for(subject.kind)
        self.warms_up = visit.pass_ == 1 and effort.warms_up(subject.kind)
        self.warm_up = False
        self.records: list[Record] = []

    def add(
        self,
        metric: str,
        unit: str,
        samples: Iterable[float],
        *,
        phase: str = "",
        better: Better = Better.LOWER,
        temperature: Temperature = Temperature.WARM,
        notes: str = "",
        facts: Mapping[str, str] | None = None,
        always: bool = False,
    ) -> None:
        """Keep samples of one metric, with what was found beside them; with `always` in warm-up too."""
        record = self._record(metric, unit, phase=phase, better=better, notes=notes)
        found = tuple((facts or {}).items())
        self._keep(
            replace(
                record,
                samples=tuple(samples),
                temperature=temperature,
                facts=found,
                warm_up=self.warm_up and not always,
            )
        )

    def timelines(
        self, timelines: Iterable[Timeline], temperature: Temperature = Temperature.WARM, notes: str = ""
    ) -> None:
        """Keep every phase of timelines as metric `time`, in seconds since the start, and each `part`."""
        found: dict[tuple[str, str], list[float]] = {}
        for timeline in timelines:
            for metric, phases in (("time", timeline.seconds()), ("part", timeline.parts)):
                for phase, seconds in phases.items():
                    found.setdefault((metric, phase), []).append(seconds)
        for (metric, phase), samples in found.items():
            self.add(metric, "s", samples, phase=phase, temperature=temperature, notes=notes)

    def failed(self, reason: str) -> None:
        """Keep a failure as a result."""
        self._keep(self._record("failure", "1", notes=reason, valid=False))

    def _keep(self, record: Record) -> None:
        self._journal.append(record)
        self.records.append(record)

    def _record(
        self,
        metric: str,
        unit: str,
        *,
        phase: str = "",
        better: Better = Better.LOWER,
        notes: str,
        valid: bool = True,
    ) -> Record:
        return Record(
            self._visit.subject,
            self._visit.scenario,
            metric,
            unit,
            better,
            phase=phase,
            pass_=self._visit.pass_,
            samples=(),
            accelerator=self._subject.accelerator,
            valid=valid,
            notes="; ".join(filter(None, (notes, self._remark))) if valid else notes,
        )
