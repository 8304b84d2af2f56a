"""Passes are added while a median isn't certain enough, until the time or the plan is used up."""

import random
from dataclasses import replace

import pytest
from unfinished_run import unfinished_run

from bench.agenda import Agenda
from bench.plan import Plan, Visit, main_metric, scenario_files
from bench.profile import PROFILES, Effort, Profile
from results import Better, Kind, Record, Run, SubjectInfo, Temperature
from results.precision import Ended
from results.run import Visited
from results.schema import validate

WORK = Profile("test", "", {"startup": Effort(3, 5, 5, 8), "memory": Effort(1)}, target=0.05, budget=1000.0)
NAMES = ("host", "tarebox", "tarebox-again")
PLAN = Plan(WORK, ("startup", "memory"), NAMES, 1)
RUN = unfinished_run(
    profile="test",
    subjects=(
        SubjectInfo("host", Kind.HOST, "1", available=True),
        SubjectInfo("tarebox", Kind.CONTAINER, "1", available=True),
        SubjectInfo("tarebox-again", Kind.CONTAINER, "1", available=True, again="tarebox"),
    ),
)


def second(_: Visit) -> float:
    return 1.0


def made(agenda: Agenda, spread: dict[str, float], seconds: float = 1.0) -> tuple[list[Visit], list[Record]]:
    """All that the agenda wants is done: samples spread by so much around 1."""
    chance = random.Random(1)
    visits, records = [], []
    for visit in PLAN.visits():
        if agenda.wants(visit):
            wide = spread[visit.subject]
            samples = tuple(1 + wide * chance.uniform(-1, 1) for _ in range(5))
            record = Record(
                visit.subject, visit.scenario, "time", "s", Better.LOWER,
                phase="first-output", pass_=visit.pass_, samples=samples,
            )  # fmt: skip
            agenda.made(Visited(visit.scenario, visit.subject, visit.pass_, seconds), [record])
            visits.append(visit)
            records.append(record)
    return visits, records


def passes(visits: list[Visit]) -> dict[str, int]:
    return {name: sum((v.subject, v.scenario) == (name, "startup") for v in visits) for name in NAMES}


def test_only_the_uncertain_are_visited_again_and_the_control_with_whom_it_controls() -> None:
    agenda = Agenda(PLAN, RUN, second)
    visits, _ = made(agenda, {"host": 0.01, "tarebox": 0.01, "tarebox-again": 0.9})
    assert passes(visits) == {"host": 3, "tarebox": 8, "tarebox-again": 8}
    found = {each.subject: each for each in agenda.precisions()}
    assert {name: each.ended for name, each in found.items()} == {
        "host": Ended.TARGET, "tarebox": Ended.TARGET, "tarebox-again": Ended.PASSES,
    }  # fmt: skip
    assert found["host"].interval < 0.05 < found["tarebox-again"].interval
    assert all(each.scenario == "startup" for each in found.values())
    validate({**replace(RUN, precision=agenda.precisions()).as_json()})
    assert Run.from_json(replace(RUN, precision=agenda.precisions()).as_json()).precision == tuple(
        agenda.precisions()
    )


def test_the_time_budget_ends_it_but_never_the_fewest_passes() -> None:
    agenda = Agenda(PLAN, RUN, second)
    visits, _ = made(agenda, dict.fromkeys(NAMES, 0.9), seconds=500)
    assert visits == [visit for visit in PLAN.least() if visit.pass_ <= Effort(3).fewest]
    assert {each.ended for each in agenda.precisions()} == {Ended.BUDGET}
    assert agenda.ahead() == []


def test_the_usual_passes_are_made_as_far_as_time_allows() -> None:
    agenda = Agenda(PLAN, RUN, lambda _: 100.0)
    visits, _ = made(agenda, dict.fromkeys(NAMES, 0.01), seconds=100)
    assert len(visits) == WORK.budget // 100
    assert {visit.pass_ for visit in visits} == {1, 2, 3}


def test_time_for_the_least_passes_is_kept_from_those_that_are_added() -> None:
    agenda = Agenda(PLAN, RUN, lambda _: 60.0)
    visits, _ = made(agenda, dict.fromkeys(NAMES, 0.9), seconds=60)
    assert set(visits) > set(PLAN.least())
    assert len(visits) == WORK.budget // 60


def test_what_ended_the_passes_is_told_of_each() -> None:
    agenda = Agenda(PLAN, RUN, second)
    made(agenda, {"host": 0.01, "tarebox": 0.9, "tarebox-again": 0.9})
    spent = Visited("memory", "host", 1, 5000.0)
    failed = Record(
        "host", "startup", "failure", "1", Better.LOWER, pass_=3, samples=(), valid=False, notes="failed"
    )  # fmt: skip
    wide = Record(
        "host", "startup", "time", "s", Better.LOWER, phase="first-output", pass_=3,
        samples=(1.0, 9.0, 20.0) * 9,
    )  # fmt: skip
    agenda.made(spent, [wide, failed])
    found = {each.subject: each.ended for each in agenda.precisions()}
    assert found == {"host": Ended.FAILED, "tarebox": Ended.PASSES, "tarebox-again": Ended.PASSES}


def test_without_a_target_the_least_passes_are_all() -> None:
    plan = replace(PLAN, profile=replace(WORK, target=None))
    agenda = Agenda(plan, RUN, second)
    assert passes([visit for visit in plan.visits() if agenda.wants(visit)])["host"] == 3
    assert made(agenda, dict.fromkeys(NAMES, 0.9))[0] == plan.least()
    assert agenda.precisions() == ()


@pytest.mark.parametrize(
    "change",
    [{"warm_up": True}, {"temperature": Temperature.COLD}, {"phase": "exit"},
     {"samples": (), "valid": False, "notes": "failed"}],
)  # fmt: skip
def test_what_does_not_count_decides_nothing(change) -> None:
    agenda = Agenda(PLAN, RUN, second)
    record = Record(
        "host", "startup", "time", "s", Better.LOWER, phase="first-output", pass_=1, samples=(1.0,)
    )
    agenda.made(Visited("startup", "host", 1, 1.0), [replace(record, **change)])
    assert agenda.precisions() == ()
    assert not agenda.wants(Visit("startup", "host", 4))


def test_what_a_subject_has_no_means_for_ends_no_passes_of_the_rest() -> None:
    agenda = Agenda(PLAN, RUN, second)
    made(agenda, {"host": 0.9, "tarebox": 0.01, "tarebox-again": 0.01})
    part = Record(
        "host", "startup", "failure", "1", Better.LOWER, pass_=3, samples=(), valid=False,
        notes="unsupported: no volume",
    )  # fmt: skip
    agenda.made(Visited("startup", "host", 3, 1.0), [part])
    assert {each.subject: each.ended for each in agenda.precisions()}["host"] is Ended.PASSES


def test_a_resumed_run_decides_as_if_it_had_never_stopped() -> None:
    spread = {"host": 0.01, "tarebox": 0.2, "tarebox-again": 0.2}
    agenda = Agenda(PLAN, RUN, second)
    visits, records = made(agenda, spread)
    half = len(visits) // 2
    done = tuple(Visited(v.scenario, v.subject, v.pass_, 1.0) for v in visits)
    resumed = Agenda(PLAN, replace(RUN, visits=done[:half], records=tuple(records[:half])), second)
    assert resumed.ahead() == [visit for visit in PLAN.least() if visit not in visits[:half]]
    for visit, record in zip(done[half:], records[half:], strict=True):
        assert resumed.wants(Visit(visit.scenario, visit.subject, visit.pass_))
        resumed.made(visit, [record])
    assert resumed.precisions() == agenda.precisions()


def test_main_metrics_and_targets_of_the_profiles() -> None:
    assert main_metric("startup") == ("time", "first-output")
    assert main_metric("hardware") is None
    targets = {name: profile.target for name, profile in PROFILES.items()}
    assert targets == {"smoke": None, "quick": 0.05, "standard": 0.01, "full": 0.01}
    budgets = [profile.budget for profile in PROFILES.values() if profile.target]
    assert budgets == sorted(filter(None, budgets))
    for profile in PROFILES.values():
        for scenario in scenario_files():
            effort = profile.effort(scenario)
            assert effort.last >= effort.passes
            assert effort.last == effort.passes or main_metric(scenario)


def test_warm_up_is_the_first_round_where_enough_others_follow() -> None:
    assert Effort(5, 1, 1).warms_up(Kind.VM)
    assert Effort(1, 10, 1).warms_up(Kind.HOST)
    assert not Effort(1, 10, 1).warms_up(Kind.VM)
    assert not Effort(3, 1, 1).warms_up(Kind.CONTAINER)
