"""docs/method.md says of every scenario what threatens its figures, and of every profile what it does."""

import re
from collections.abc import Callable
from pathlib import Path

import pytest

from bench.plan import chosen_scenarios, scenario_files
from bench.profile import PROFILES, Effort, Profile

DOCUMENT = (Path(__file__).parents[2] / "docs/method.md").read_text()


def rows(head: str) -> list[list[str]]:
    """The cells of the table that begins with this row."""
    table = DOCUMENT.partition(f"{head}\n")[2].partition("\n\n")[0]
    lines = (re.split(r" *\| *", line.strip().strip("|").strip()) for line in table.splitlines())
    return [cells for cells in lines if not cells[0].startswith("-")]


SCENARIOS = {
    name: told
    for names, *told in rows("| scenario | asks | how | threats to validity |")
    for name in names.split(", ")
}


@pytest.mark.parametrize("name", scenario_files())
def test_a_scenario_has_its_question_its_way_and_its_threats(name: str) -> None:
    asks, how, threats = SCENARIOS[name]
    assert min(len(text.split()) for text in (asks, how, threats)) >= 3


def test_no_scenario_is_told_of_that_there_is_not() -> None:
    assert set(SCENARIOS) == set(scenario_files())


def minutes(seconds: float) -> str:
    return f"{seconds / 60:g}"


def told(effort: Effort) -> str:
    assert effort.vm_rounds == 1
    usual = f"{effort.passes} of {effort.rounds}"
    return usual if effort.last == effort.passes else f"{usual}, up to {effort.last}"


def of(scenario: str) -> Callable[[Profile], str]:
    def tell(profile: Profile) -> str:
        asked = chosen_scenarios([], tools=profile.tools, leaves_out=profile.leaves_out)
        return told(profile.effort(scenario)) if scenario in asked else "not asked"

    return tell


PLANS: dict[str, Callable[[Profile], str]] = {
    "target": lambda profile: f"{profile.target:.0%}".replace("%", " %") if profile.target else "none",
    "budget of visits, minutes": lambda profile: minutes(profile.budget) if profile.budget else "none",
    "startup, passes of rounds": of("startup"),
    "cpu": of("cpu"),
    "deploy": of("deploy"),
    "memory": of("memory"),
    "disk, network, servers and the like": of("disk"),
    "repetitions of cpu": lambda profile: str(profile.work),
    "instances of memory": lambda profile: ", ".join(map(str, profile.instances)),
}


def test_what_a_profile_does_is_told_as_it_is() -> None:
    head = f"| | {' | '.join(PROFILES)} |"
    assert {name: cells for name, *cells in rows(head)} == {
        name: [tell(profile) for profile in PROFILES.values()] for name, tell in PLANS.items()
    }


@pytest.mark.parametrize("scenario", ["network", "throughput", "nginx", "redis", "postgresql", "stop"])
def test_the_like_of_disk_are_asked_as_often(scenario: str) -> None:
    assert [of(scenario)(profile) for profile in PROFILES.values()] == [
        of("disk")(profile) for profile in PROFILES.values()
    ]
