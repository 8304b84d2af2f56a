"""How much work a run does: profiles trade time for certainty."""

from collections.abc import Mapping
from dataclasses import dataclass, field

from results import Kind
from tare.errors import UsageError


@dataclass(frozen=True)
class Effort:
    """Work for one scenario: passes over all subjects, and rounds within a visit by kind of subject."""

    passes: int = 1
    rounds: int = 1
    vm_rounds: int = 1

    def rounds_for(self, kind: Kind) -> int:
        """Rounds within one visit."""
        return self.vm_rounds if kind is Kind.VM else self.rounds


@dataclass(frozen=True)
class Profile:
    """A named amount of work.

    `work` is how often the CPU workload repeats its unit; `instances` are the counts that the memory slope
    is drawn through.
    """

    name: str
    summary: str
    efforts: Mapping[str, Effort]
    work: int = 20
    instances: tuple[int, ...] = (1, 2, 4, 8)
    default: Effort = field(default=Effort())

    def effort(self, scenario: str) -> Effort:
        """The effort for a scenario."""
        return self.efforts.get(scenario, self.default)


PROFILES = {
    profile.name: profile
    for profile in (
        Profile(
            "smoke",
            "every scenario once, for testing the harness",
            {"startup": Effort(2, 2, 1)},
            work=1,
            instances=(1, 2),
        ),
        Profile(
            "quick",
            "six minutes on two cores, virtual machines emulated",
            {"startup": Effort(5, 10, 1), "cpu": Effort(3, 1, 1), "deploy": Effort(3, 1, 1)},
        ),
        Profile(
            "standard",
            "tighter intervals, within forty minutes",
            {
                "startup": Effort(10, 20, 3),
                "cpu": Effort(5, 2, 1),
                "deploy": Effort(10, 2, 1),
                "memory": Effort(3, 1, 1),
            },
        ),
    )
}

GOALS = "goals"


def profile(name: str) -> Profile:
    """The profile of that name. Raises: UsageError."""
    if name not in PROFILES:
        raise UsageError(f"no profile is called {name!r}", f"choose from {', '.join([*PROFILES, GOALS])}")
    return PROFILES[name]
