"""How much work a run does: profiles trade time for certainty."""

from collections.abc import Mapping
from dataclasses import dataclass, field

from results import Kind
from tare.errors import UsageError

_ROUNDS_AFTER_WARM_UP = 4
_FEWEST = 2
"""Passes without which nothing is known of how passes differ."""


@dataclass(frozen=True)
class Effort:
    """Work for one scenario: passes over all subjects, and rounds within a visit by kind of subject.

    There are `passes` where the time allows, and up to `most` while a median isn't certain enough (None: no
    more).
    """

    passes: int = 1
    rounds: int = 1
    vm_rounds: int = 1
    most: int | None = None

    @property
    def fewest(self) -> int:
        """Passes that are made whatever time they take."""
        return min(self.passes, _FEWEST)

    @property
    def last(self) -> int:
        """The number of the last pass that there may be."""
        return self.passes if self.most is None else self.most

    def warms_up(self, kind: Kind) -> bool:
        """Whether the first round of the first pass is warm-up: where at least four others follow it."""
        return self.passes * self.rounds_for(kind) > _ROUNDS_AFTER_WARM_UP

    def rounds_for(self, kind: Kind) -> int:
        """Rounds within one visit."""
        return self.vm_rounds if kind is Kind.VM else self.rounds


@dataclass(frozen=True)
class Profile:
    """A named amount of work.

    `work` is how often the CPU workload repeats its unit; `samples` are how many our own programs take in
    one visit; `instances` are the counts that the memory slope is drawn through; `limit` is how many
    seconds an instance has to start or to end; `leaves_out` are subjects and scenarios that are visited
    only when they are asked for by name, as are the scenarios that need the tools image unless `tools`;
    `together` are the numbers of instances that are started at once; `target` is the share of the median of
    a scenario's main metric that half of its interval should be within, and `budget` the seconds after
    which no further pass is begun.
    """

    name: str
    summary: str
    efforts: Mapping[str, Effort]
    work: int = 20
    samples: int = 20
    instances: tuple[int, ...] = (1, 2, 4, 8)
    default: Effort = field(default=Effort())
    limit: float = 120.0
    leaves_out: frozenset[str] = frozenset()
    tools: bool = True
    together: tuple[int, ...] = (1, 2, 4, 8)
    target: float | None = None
    budget: float | None = None

    def samples_for(self, kind: Kind) -> int:
        """Samples that our own programs take in one visit; fewer in a machine, which may be emulated."""
        return max(2, self.samples // 4) if kind is Kind.VM else self.samples

    def effort(self, scenario: str) -> Effort:
        """The effort for a scenario."""
        return self.efforts.get(scenario, self.default)


_WHOLE_SYSTEMS = frozenset({"vm-full", "vm-uefi"})
"""Each start takes from seconds with KVM to minutes without."""
_FURTHER_PEERS = frozenset({"tarebox-cli", "tarebox-rootless", "containerd", "lxc", "nspawn", "youki"})
"""Their answers are near those of the peers that everybody knows."""
_BOOTED_BEFORE = frozenset({"vm-restored", "vm-pool"})
"""They are vm-q35 but for their start."""
_MANY_STARTS = frozenset(
    {
        "checkpoint",
        "deploy-registry",
        "move",
        "neighbour",
        "network",
        "replacement",
        "startup-cold",
        "startup-concurrent",
        "stop",
    }
)
"""Scenarios that take many starts, or minutes."""
_REPEATED = (
    *("cpu-programs", "memory-speed", "disk", "network", "throughput", "nginx", "redis", "postgresql"),
    *("stop", "replacement", "deploy-registry"),
)
"""Scenarios whose time is left to what the budget allows."""

PROFILES = {
    profile.name: profile
    for profile in (
        Profile(
            "smoke",
            "every scenario once that needs no packages, for testing the harness",
            {"startup": Effort(2, 2, 1)},
            work=1,
            samples=2,
            instances=(1, 2),
            leaves_out=_WHOLE_SYSTEMS
            | _BOOTED_BEFORE
            | _FURTHER_PEERS
            | _MANY_STARTS
            | {"crun", "podman", "vm-q35", "memory-limit", "memory-speed"},
            tools=False,
            together=(1, 2),
        ),
        Profile(
            "quick",
            "six minutes on two cores, virtual machines emulated; what needs no packages",
            {"startup": Effort(5, 10, 1, 10), "cpu": Effort(3, 1, 1, 6), "deploy": Effort(3, 1, 1, 6)},
            work=10,
            instances=(1, 2, 4),
            target=0.05,
            budget=5.25 * 60,
            leaves_out=_WHOLE_SYSTEMS
            | _BOOTED_BEFORE
            | _FURTHER_PEERS
            | _MANY_STARTS
            | {"memory-limit", "memory-speed"},
            tools=False,
        ),
        Profile(
            "standard",
            "tighter intervals, within forty minutes",
            {
                **dict.fromkeys(_REPEATED, Effort(most=5)),
                "startup": Effort(24, 6, 1, 120),
                "cpu": Effort(3, 2, 1, 15),
                "deploy": Effort(10, 2, 1, 30),
                "memory": Effort(3, 1, 1),
            },
            target=0.01,
            budget=38 * 60,
            leaves_out=_WHOLE_SYSTEMS,
        ),
        Profile(
            "full",
            "the tightest intervals and every subject, whole systems too, up to three hours",
            {
                **dict.fromkeys(_REPEATED, Effort(3, 1, 1, 20)),
                "startup": Effort(5, 10, 1, 60),
                "cpu": Effort(3, 1, 1, 30),
                "deploy": Effort(3, 1, 1, 60),
            },
            target=0.01,
            budget=3 * 3600,
        ),
    )
}

GOALS = "goals"


def profile(name: str) -> Profile:
    """The profile of that name. Raises: UsageError."""
    if name not in PROFILES:
        raise UsageError(f"no profile is called {name!r}", f"choose from {', '.join([*PROFILES, GOALS])}")
    return PROFILES[name]
