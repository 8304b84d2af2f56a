"""What goes over the network of an instance: latency, throughput, and whole servers under load."""

import pytest

from bench.generator import LoadGenerator
from bench.lab import Lab
from bench.subject import SubjectError
from results import Better
from results.store import Store
from results.vocabulary import VOCABULARY
from tare.state import State

SCENARIOS = ("network", "throughput", "nginx", "redis", "postgresql")
SUBJECTS = {"tarebox", "tarebox-again", "vm-q35"}


@pytest.fixture(scope="module")
def records(call, tools_image, tmp_path_factory):
    directory = tmp_path_factory.mktemp("traffic")
    words = ("--subjects", "tarebox,vm-q35", "--scenarios", ",".join(SCENARIOS))
    done = call("tarebench", "run", *words, "--profile", "smoke", "--no-report", cwd=directory)
    assert done.returncode == 0, done.stderr
    store = Store(directory / "results/runs")
    return store.load(store.latest()).records


def test_every_metric_is_there_on_both_sides(records, nothing_left) -> None:
    found = {(record.subject, record.scenario, record.metric, record.phase) for record in records}
    assert found == {
        (subject, metric.scenario, metric.name, phase)
        for subject in SUBJECTS
        for metric in VOCABULARY
        if metric.scenario in SCENARIOS
        for phase, _ in metric.phases or (("", ""),)
    }
    assert all(sample > 0 for record in records for sample in record.samples)


def test_rates_are_better_when_higher(records) -> None:
    for record in records:
        assert (record.better is Better.HIGHER) == (record.unit in ("1/s", "Mbit/s"))


def test_a_percentile_is_not_below_the_median(records) -> None:
    latency = {
        (record.subject, record.phase): record.samples[0]
        for record in records
        if record.scenario == "network"
    }
    for subject in SUBJECTS:
        for side in ("host", "peer"):
            assert latency[subject, f"{side}-p99"] >= latency[subject, f"{side}-p50"]


def test_a_generator_that_fails_says_why(tools_image, root) -> None:
    with Lab(State.at(root)) as lab:
        generator = LoadGenerator(lab, tools_image)
        assert generator("echo", "heard") == "heard\n"
        with pytest.raises(SubjectError, match="wrk failed with status 1: unable to connect to 127.0.0.1"):
            generator("wrk", "-d", "1", "http://127.0.0.1:1/")
        with pytest.raises(SubjectError, match=r"sleep did not end in 0\.1 s"):
            generator("sleep", "10", timeout=0.1)
