"""How certain a median is, and why no more was measured."""

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Any


class Ended(StrEnum):
    """What ended the passes of a subject in a scenario."""

    TARGET = "target"
    BUDGET = "budget"
    PASSES = "passes"
    FAILED = "failed"


@dataclass(frozen=True)
class Precision:
    """The interval of the median of one scenario's main metric for one subject.

    Args:
        scenario: the scenario.
        subject: the subject.
        metric: the scenario's main metric.
        phase: its phase, or empty.
        passes: how many were made.
        interval: half of the 95 % interval as a share of the median; None for fewer than three samples.
        target: the share it should be within.
        ended: whether that was reached, or the run's time or the plan's passes were used up before, or a
            round failed.
    """

    scenario: str
    subject: str
    metric: str
    phase: str
    passes: int
    interval: float | None
    target: float
    ended: Ended

    def as_json(self) -> dict[str, Any]:
        """As the schema spells it."""
        return {**vars(self), "ended": str(self.ended)}

    @classmethod
    def from_json(cls, precision: Mapping[str, Any]) -> "Precision":
        """Of JSON that the schema accepted."""
        return cls(**{**precision, "ended": Ended(precision["ended"])})
