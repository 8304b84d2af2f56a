"""What a run visits and in which order: subjects interleaved at random within each pass, from a kept seed."""

import random
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

import bench.scenarios
from bench.profile import Profile
from tare.errors import UsageError

SCENARIO_DIRECTORY = Path(bench.scenarios.__path__[0])


@dataclass(frozen=True)
class Visit:
    """One subject asked one scenario in one pass (from 1)."""

    scenario: str
    subject: str
    pass_: int

    def __str__(self) -> str:
        return f"{self.subject}-pass{self.pass_}"


def scenario_files() -> dict[str, Path]:
    """Every scenario by name: bench/scenarios/test_image_size.py is `image-size`."""
    files = sorted(SCENARIO_DIRECTORY.glob("test_*.py"))
    return {path.stem.removeprefix("test_").replace("_", "-"): path for path in files}


def chosen_scenarios(names: Iterable[str]) -> list[str]:
    """The named scenarios, or all for no name. Raises: UsageError."""
    known = scenario_files()
    names = list(names)
    for name in names:
        if name not in known:
            raise UsageError(f"no scenario is called {name!r}", f"choose from {', '.join(known)}")
    return names or list(known)


@dataclass(frozen=True)
class Plan:
    """The visits of a run; the same profile, names and seed give the same order."""

    profile: Profile
    scenarios: tuple[str, ...]
    subjects: tuple[str, ...]
    seed: int

    def visits(self) -> list[Visit]:
        """All visits in order: pass by pass, in it scenario by scenario, subjects shuffled in each."""
        chance = random.Random(self.seed)
        passes = max((self.profile.effort(name).passes for name in self.scenarios), default=0)
        visits: list[Visit] = []
        for pass_ in range(1, passes + 1):
            scenarios = [name for name in self.scenarios if pass_ <= self.profile.effort(name).passes]
            for scenario in chance.sample(scenarios, len(scenarios)):
                visits += [
                    Visit(scenario, subject, pass_)
                    for subject in chance.sample(self.subjects, len(self.subjects))
                ]
        return visits

    def as_json(self) -> dict[str, object]:
        """For the run's record of how it was made."""
        efforts = {name: self.profile.effort(name) for name in self.scenarios}
        return {
            "scenarios": list(self.scenarios),
            "subjects": list(self.subjects),
            "efforts": {
                name: {"passes": effort.passes, "rounds": effort.rounds, "vm_rounds": effort.vm_rounds}
                for name, effort in efforts.items()
            },
            "cpu_work": self.profile.work,
            "memory_instances": list(self.profile.instances),
        }
