from itertools import groupby

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bench.plan import Plan, chosen_scenarios, scenario_files
from bench.profile import PROFILES, Effort, Profile, profile
from tare.errors import UsageError

WORK = Profile("test", "", {"startup": Effort(3), "cpu": Effort(2)})


def plan(seed: int) -> Plan:
    return Plan(WORK, ("startup", "cpu", "memory"), ("host", "tarebox", "vm-micro"), seed)


@given(st.integers(0, 2**32))
def test_every_subject_is_asked_once_a_pass(seed: int) -> None:
    visits = plan(seed).visits()
    assert len(visits) == len(set(visits)) == 3 * (3 + 2 + 1)
    passes = [visit.pass_ for visit in visits]
    assert passes == sorted(passes)


@given(st.integers(0, 2**32))
def test_subjects_are_interleaved(seed: int) -> None:
    for _, block in groupby(plan(seed).visits(), key=lambda visit: (visit.pass_, visit.scenario)):
        assert {visit.subject for visit in block} == {"host", "tarebox", "vm-micro"}


def test_a_subject_may_be_asked_some_scenarios_only() -> None:
    narrow = Plan(WORK, ("startup", "cpu"), ("host", "vm-pool"), 1, {"host": None, "vm-pool": {"startup"}})
    asked = {(visit.subject, visit.scenario) for visit in narrow.visits()}
    assert asked == {("host", "startup"), ("host", "cpu"), ("vm-pool", "startup")}


def test_the_seed_makes_the_order() -> None:
    assert plan(1).visits() == plan(1).visits()
    assert plan(1).visits() != plan(2).visits()


def test_names_are_checked() -> None:
    assert chosen_scenarios([]) == [name for name in scenario_files() if name != "own"]
    assert chosen_scenarios(["image-size"]) == ["image-size"]
    with pytest.raises(UsageError, match="no scenario is called 'nonsense'; choose from .*startup"):
        chosen_scenarios(["nonsense"])
    with pytest.raises(UsageError, match="no profile is called 'fast'"):
        profile("fast")


def test_profiles_name_only_real_scenarios() -> None:
    for each in PROFILES.values():
        assert set(each.efforts) <= set(scenario_files())
