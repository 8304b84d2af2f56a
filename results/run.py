"""One run: its records, and the host, plan and subjects they came from."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from results.record import Kind, Record


@dataclass(frozen=True)
class SubjectInfo:
    """Something that could run the image, or the reason in one line why it couldn't."""

    name: str
    kind: Kind
    version: str
    available: bool
    reason: str = ""

    def as_json(self) -> dict[str, Any]:
        """The subject as the schema spells it."""
        return {
            "name": self.name,
            "kind": str(self.kind),
            "version": self.version,
            "available": self.available,
            "reason": self.reason,
        }

    @classmethod
    def from_json(cls, subject: Mapping[str, Any]) -> "SubjectInfo":
        """The subject of JSON that the schema accepted."""
        return cls(**{**subject, "kind": Kind(subject["kind"])})


@dataclass(frozen=True)
class Run:
    """Everything one run measured.

    Args:
        id: names the run and its file: letters, digits, ".", "_" and "-".
        schema: the version of the schema it was written under.
        started: ISO 8601 in UTC.
        finished: ISO 8601 in UTC; None when the run did not finish.
        complete: whether every planned measurement was attempted.
        profile: the name of the plan, such as "quick".
        seed: of the order of subjects and of anything else drawn at random.
        plan: what was asked for (subjects, scenarios, passes, image, limits).
        host: the host's fingerprint (kernel, CPU, memory, cgroups, versions).
        subjects: all subjects asked for, the unavailable ones too.
        records: in the order they were taken.
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
        }

    @classmethod
    def from_json(cls, block: Mapping[str, Any]) -> "Run":
        """The run of a `tarebench` block that the schema accepted."""
        return cls(
            **{
                **block,
                "subjects": tuple(SubjectInfo.from_json(subject) for subject in block["subjects"]),
                "records": tuple(Record.from_json(record) for record in block["records"]),
            }
        )
