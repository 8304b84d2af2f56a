"""One record: the samples of one subject, scenario, metric and phase in one pass, with what judges them."""

from collections.abc import Mapping
from dataclasses import KW_ONLY, dataclass
from enum import StrEnum
from typing import Any


class Better(StrEnum):
    """Which way a metric improves."""

    HIGHER = "higher"
    LOWER = "lower"


class Temperature(StrEnum):
    """Whether the caches were dropped before the measurement."""

    COLD = "cold"
    WARM = "warm"


class Kind(StrEnum):
    """What a subject is."""

    HOST = "host"
    CONTAINER = "container"
    VM = "vm"


UNSUPPORTED = "unsupported: "
"""What the notes start with when a subject has no means to do what a scenario asks: a result, not a fault."""


@dataclass(frozen=True)
class Record:
    """Samples and everything needed to judge them.

    Args:
        subject: the name of a subject of the run.
        scenario: the question asked, such as "startup".
        metric: what was measured, such as "time".
        unit: unit of every sample: "s", "B", "1", "bool", "lines".
        better: which way the metric improves.
        phase: the part of the scenario, such as "first-output"; empty when it has none.
        temperature: whether the caches were dropped before.
        pass_: the visit of all subjects this record belongs to, from 1.
        samples: the raw numbers in the order they were taken.
        accelerator: "kvm" or "tcg" for a virtual machine, else None.
        valid: False when the measurement failed; then there are no samples and the notes say why.
        notes: words that belong to the numbers.
        facts: what was found beside the numbers, such as ("clocksource", "tsc").
        warm_up: whether these samples are kept but in no estimate.
    """

    subject: str
    scenario: str
    metric: str
    unit: str
    better: Better
    _: KW_ONLY
    phase: str = ""
    temperature: Temperature = Temperature.WARM
    pass_: int
    samples: tuple[float, ...]
    accelerator: str | None = None
    valid: bool = True
    notes: str = ""
    facts: tuple[tuple[str, str], ...] = ()
    warm_up: bool = False

    @property
    def unsupported(self) -> bool:
        """Whether the subject has no means for this; it is not valid then."""
        return not self.valid and self.notes.startswith(UNSUPPORTED)

    def as_json(self) -> dict[str, Any]:
        """The record as the schema spells it."""
        record: dict[str, Any] = {
            "subject": self.subject,
            "scenario": self.scenario,
            "metric": self.metric,
            "unit": self.unit,
            "better": str(self.better),
            "phase": self.phase,
            "temperature": str(self.temperature),
            "pass": self.pass_,
            "samples": list(self.samples),
            "accelerator": self.accelerator,
            "valid": self.valid,
            "notes": self.notes,
        }
        if self.facts:
            record["facts"] = dict(self.facts)
        if self.warm_up:
            record["warm_up"] = True
        return record

    @classmethod
    def from_json(cls, record: Mapping[str, Any]) -> "Record":
        """The record of JSON that the schema accepted."""
        fields = {name: value for name, value in record.items() if name != "pass"}
        fields["better"] = Better(record["better"])
        fields["temperature"] = Temperature(record["temperature"])
        fields["samples"] = tuple(float(sample) for sample in record["samples"])
        fields["facts"] = tuple(record.get("facts", {}).items())
        return cls(pass_=int(record["pass"]), **fields)
