"""Scenarios that the smallest profile leaves out because they start many instances."""

import pytest

from bench.system_calls import Outcomes, outcomes
from results.record import Temperature
from results.store import Store

SCENARIOS = ("startup-concurrent", "startup-cold", "stop", "neighbour", "move")


@pytest.fixture(scope="module")
def run(call, tmp_path_factory):
    directory = tmp_path_factory.mktemp("long")
    arguments = ("--profile", "smoke", "--subjects", "host,tarebox", "--scenarios", ",".join(SCENARIOS))
    done = call("tarebench", "run", *arguments, "--no-report", cwd=directory)
    assert done.returncode == 0, done.stderr + done.stdout
    store = Store(directory / "results/runs")
    return store.load(store.latest())


def found(run, scenario: str, metric: str, subject: str = "tarebox") -> dict:
    return {
        (record.phase, record.temperature): record
        for record in run.records
        if (record.subject, record.scenario, record.metric) == (subject, scenario, metric)
    }


def test_only_the_host_has_no_neighbour(run, nothing_left) -> None:
    assert [(record.subject, record.scenario) for record in run.records if not record.valid] == [
        ("host", "neighbour")
    ]


def test_as_many_start_at_once_as_are_asked_for(run) -> None:
    first = found(run, "startup-concurrent", "first-output")
    throughput = found(run, "startup-concurrent", "throughput")
    for count in (1, 2):
        key = str(count), Temperature.WARM
        assert len(first[key].samples) == count
        assert throughput[key].samples == (pytest.approx(count / max(first[key].samples)),)


def test_cold_starts_are_marked(run) -> None:
    phases = {"created", "first-output", "exit", "removed"}
    found_here = found(run, "startup-cold", "time")
    assert set(found_here) == {(phase, each) for phase in phases for each in Temperature}
    assert "drop_caches" in found_here["exit", Temperature.COLD].notes


def test_an_instance_is_stopped_before_it_is_removed(run) -> None:
    phases = {phase: record.samples for (phase, _), record in found(run, "stop", "time").items()}
    assert phases["stopped"] <= phases["removed"]


def test_an_image_is_started_where_nothing_of_it_is_known(run, root) -> None:
    phases = {phase: record.samples for (phase, _), record in found(run, "move", "time").items()}
    assert list(phases) == ["saved", "moved", "prepared", "started"]
    assert list(phases.values()) == sorted(phases.values())
    assert not (root / "data/elsewhere").exists()


def test_a_service_is_asked_alone_and_beside_each_neighbour(run) -> None:
    slowest = found(run, "neighbour", "p99")
    for key, record in found(run, "neighbour", "request").items():
        assert 0 < len(record.samples) <= 200
        assert record.samples[0] > 0
        assert slowest[key].samples[0] in record.samples
    assert {phase for phase, _ in slowest} == {"alone", "cpu", "memory", "disk"}


def test_what_became_of_system_calls_is_sorted() -> None:
    lines = [
        "0 errno 9",
        "1 errno 0",
        "34 blocked",
        "60 ended",
        "15 signal 11",
        "165 errno 1",
        "156 errno 38",
    ]
    assert outcomes([*lines, "321 signal 31", "2 errno 13"]) == Outcomes(
        reached=("read", "write", "pause", "exit", "rt_sigreturn"),
        refused=("mount", "bpf", "open"),
        absent=("_sysctl",),
    )
