"""What a run visits and in which order: subjects interleaved at random within each pass, from a kept seed."""

import importlib
import inspect
import random
from collections.abc import Container, Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path

import bench.scenarios
from bench.profile import Profile
from bench.workload import SCENARIO as OWN
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


def needs_tools(scenario: str) -> bool:
    """Whether a scenario runs programs of the tools image: whether its test takes the fixture `tools`."""
    module = importlib.import_module(f"{bench.scenarios.__name__}.{scenario_files()[scenario].stem}")
    tests = (value for name, value in vars(module).items() if name.startswith("test_"))
    return any("tools" in inspect.signature(test).parameters for test in tests)


def main_metric(scenario: str) -> tuple[str, str] | None:
    """Metric and phase that decide how many passes a scenario needs: its module's `MAIN`; None without."""
    module = importlib.import_module(f"{bench.scenarios.__name__}.{scenario_files()[scenario].stem}")
    main: tuple[str, str] | None = getattr(module, "MAIN", None)
    return main


def chosen_scenarios(
    names: Iterable[str], *, tools: bool = True, leaves_out: Container[str] = ()
) -> list[str]:
    """The named scenarios, or all but a person's own.

    Args:
        names: of those that are asked for.
        tools: whether those that need the tools image are among all.
        leaves_out: names of those that are not among all.

    Raises:
        UsageError: there is none of that name.
    """
    known = scenario_files()
    names = list(names)
    for name in names:
        if name not in known:
            raise UsageError(f"no scenario is called {name!r}", f"choose from {', '.join(known)}")
    every = [name for name in known if name != OWN and name not in leaves_out]
    return names or [name for name in every if tools or not needs_tools(name)]


@dataclass(frozen=True)
class Plan:
    """The visits of a run; the same profile, names and seed give the same order."""

    profile: Profile
    scenarios: tuple[str, ...]
    subjects: tuple[str, ...]
    seed: int
    narrow: Mapping[str, frozenset[str] | None] = field(default_factory=dict)
    """The scenarios a subject is asked, where not all."""

    def visits(self) -> list[Visit]:
        """All that may be made, in order: pass by pass, scenario by scenario, subjects shuffled in each."""
        chance = random.Random(self.seed)
        passes = max((self.profile.effort(name).last for name in self.scenarios), default=0)
        visits: list[Visit] = []
        for pass_ in range(1, passes + 1):
            scenarios = [name for name in self.scenarios if pass_ <= self.profile.effort(name).last]
            for scenario in chance.sample(scenarios, len(scenarios)):
                visits += [
                    Visit(scenario, subject, pass_)
                    for subject in chance.sample(self.subjects, len(self.subjects))
                    if self._asks(subject, scenario)
                ]
        return visits

    def least(self) -> list[Visit]:
        """Those that are made however certain the medians are."""
        return [visit for visit in self.visits() if visit.pass_ <= self.profile.effort(visit.scenario).passes]

    def _asks(self, subject: str, scenario: str) -> bool:
        asked = self.narrow.get(subject)
        return asked is None or scenario in asked

    def as_json(self) -> dict[str, object]:
        """For the run's record of how it was made."""
        efforts = {name: self.profile.effort(name) for name in self.scenarios}
        return {
            "scenarios": list(self.scenarios),
            "subjects": list(self.subjects),
            "efforts": {
                name: {
                    "passes": effort.passes,
                    "most": effort.last,
                    "rounds": effort.rounds,
                    "vm_rounds": effort.vm_rounds,
                }
                for name, effort in efforts.items()
            },
            "target": self.profile.target,
            "budget": self.profile.budget,
            "warm_up": "first round of a subject's first pass, where at least four others follow",
            "cpu_work": self.profile.work,
            "payload_samples": self.profile.samples,
            "memory_instances": list(self.profile.instances),
        }
