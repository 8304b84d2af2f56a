"""One run: its records, and the host, plan and subjects they came from."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from operator import attrgetter
from typing import Any, TypeAlias

from results.migration import migrated
from results.precision import Precision
from results.record import Better, Kind, Record, Temperature

MeasureKey: TypeAlias = tuple[str, str, str, Temperature, str, Better]
"""What a record measures: scenario, metric, phase, temperature, unit, and which way it improves."""
_MEASURE: Callable[[Record], MeasureKey] = attrgetter(
    "scenario", "metric", "phase", "temperature", "unit", "better"
)


@dataclass(frozen=True)
class SubjectInfo:
    """Something that could run the image, or the reason in one line why it couldn't.

    `again` names the subject it is, asked a second time under this name: the A/A control.
    """

    name: str
    kind: Kind
    version: str
    available: bool
    reason: str = ""
    again: str = ""

    def as_json(self) -> dict[str, Any]:
        """The subject as the schema spells it."""
        facts = {
            "name": self.name,
            "kind": str(self.kind),
            "version": self.version,
            "available": self.available,
            "reason": self.reason,
        }
        return {**facts, "again": self.again} if self.again else facts

    @classmethod
    def from_json(cls, subject: Mapping[str, Any]) -> "SubjectInfo":
        """The subject of JSON that the schema accepted."""
        return cls(**{**subject, "kind": Kind(subject["kind"])})


@dataclass(frozen=True)
class Visited:
    """One subject was asked one scenario in one pass, to the end, which took so many seconds."""

    scenario: str
    subject: str
    pass_: int
    seconds: float

    def as_json(self) -> dict[str, Any]:
        """The visit as the schema spells it."""
        return {
            "scenario": self.scenario,
            "subject": self.subject,
            "pass": self.pass_,
            "seconds": self.seconds,
        }

    @classmethod
    def from_json(cls, visit: Mapping[str, Any]) -> "Visited":
        """The visit of JSON that the schema accepted."""
        return cls(visit["scenario"], visit["subject"], int(visit["pass"]), float(visit["seconds"]))


@dataclass(frozen=True)
class Run:
    """Everything one run measured.

    Args:
        id: names the run and its file: letters, digits, ".", "_" and "-".
        schema: the version of the schema it is kept under.
        started: ISO 8601 in UTC.
        finished: ISO 8601 in UTC; None when the run did not finish.
        complete: whether every planned measurement was attempted.
        profile: the name of the plan, such as "quick".
        seed: of the order of subjects and of anything else drawn at random.
        plan: what was asked for (subjects, scenarios, passes, image, limits).
        host: the host's fingerprint (kernel, CPU, memory, cgroups, versions).
        subjects: all subjects asked for, the unavailable ones too.
        records: in the order they were taken.
        visits: those made to their end, in order.
        precision: how certain the medians of the main metrics are.
    """

    id: str
    schema: int
    started: str
    finished: str | None
    complete: bool
    profile: str
    seed: int
    plan: Mapping[str, Any]
    host: Mapping[str, Any]
    subjects: tuple[SubjectInfo, ...]
    records: tuple[Record, ...] = ()
    visits: tuple[Visited, ...] = ()
    precision: tuple[Precision, ...] = ()

    @cached_property
    def by_measure(self) -> Mapping[MeasureKey, Mapping[str, Sequence[Record]]]:
        """The records by what they measure and by subject, all in the order they were taken."""
        found: dict[MeasureKey, dict[str, list[Record]]] = {}
        for record in self.records:
            found.setdefault(_MEASURE(record), {}).setdefault(record.subject, []).append(record)
        return found

    @property
    def noisy(self) -> tuple[str, ...]:
        """What disturbed the host, by the names of the checks in `host["noise"]`."""
        return tuple(self.host.get("noise", {}).get("noisy", ()))

    def as_json(self) -> dict[str, Any]:
        """The run as the `tarebench` block of a results file."""
        return {
            "id": self.id,
            "schema": self.schema,
            "started": self.started,
            "finished": self.finished,
            "complete": self.complete,
            "profile": self.profile,
            "seed": self.seed,
            "plan": dict(self.plan),
            "host": dict(self.host),
            "subjects": [subject.as_json() for subject in self.subjects],
            "records": [record.as_json() for record in self.records],
            "precision": [precision.as_json() for precision in self.precision],
            "visits": [visit.as_json() for visit in self.visits],
        }

    @classmethod
    def from_json(cls, block: Mapping[str, Any]) -> "Run":
        """The run of a `tarebench` block that the schema accepted, in the newest version."""
        block = migrated(block)
        return cls(
            **{
                **block,
                "subjects": tuple(SubjectInfo.from_json(subject) for subject in block["subjects"]),
                "records": tuple(Record.from_json(record) for record in block["records"]),
                "precision": tuple(Precision.from_json(each) for each in block.get("precision", ())),
                "visits": tuple(Visited.from_json(visit) for visit in block.get("visits", ())),
            }
        )
