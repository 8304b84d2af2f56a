"""What a scenario writes its samples with."""

from collections.abc import Iterable

from bench.plan import Visit
from bench.profile import Profile
from bench.subject import Subject, Timeline
from results import Better, Record
from results.journal import Journal


class Recorder:
    """Journals the samples of one visit as they arrive.

    Args:
        visit: what is being asked of whom.
        subject: who is asked.
        profile: how much work to do.
        journal: where records go.
    """

    def __init__(self, visit: Visit, subject: Subject, profile: Profile, journal: Journal) -> None:
        self._visit = visit
        self._subject = subject
        self._journal = journal
        self.profile = profile
        self.rounds = profile.effort(visit.scenario).rounds_for(subject.kind)

    def add(
        self,
        metric: str,
        unit: str,
        samples: Iterable[float],
        *,
        phase: str = "",
        better: Better = Better.LOWER,
        notes: str = "",
    ) -> None:
        """Keep samples of one metric."""
        self._journal.append(self._record(metric, unit, tuple(samples), phase, better, notes))

    def timelines(self, timelines: Iterable[Timeline]) -> None:
        """Keep every phase of timelines as metric `time`, in seconds since the start call."""
        phases: dict[str, list[float]] = {}
        for timeline in timelines:
            for phase, seconds in timeline.seconds().items():
                phases.setdefault(phase, []).append(seconds)
        for phase, samples in phases.items():
            self.add("time", "s", samples, phase=phase)

    def failed(self, reason: str) -> None:
        """Keep a failure as a result."""
        self._journal.append(self._record("failure", "1", (), "", Better.LOWER, reason, valid=False))

    def _record(
        self,
        metric: str,
        unit: str,
        samples: tuple[float, ...],
        phase: str,
        better: Better,
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
            samples=samples,
            accelerator=self._subject.accelerator,
            valid=valid,
            notes=notes,
        )
