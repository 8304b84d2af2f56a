"""The whole way from the command line to the report, with every subject this host has."""

import json
from collections import Counter
from pathlib import Path

import pytest
from browser import opened

from bench.plan import scenario_files
from results.store import Store

SUBJECTS = {"host", "tarebox", "runc", "crun", "docker", "vm-micro", "vm-q35"}


@pytest.fixture(scope="module")
def smoke(call, tmp_path_factory):
    directory = tmp_path_factory.mktemp("smoke")
    done = call("tarebench", "run", "--profile", "smoke", "--seed", "1", cwd=directory)
    assert done.returncode == 0, done.stderr + done.stdout
    return directory, done


@pytest.fixture(scope="module")
def run(smoke):
    directory, _ = smoke
    store = Store(directory / "results/runs")
    return store.load(store.latest())


def test_every_subject_answered_every_scenario_or_says_why(run) -> None:
    assert {subject.name for subject in run.subjects if subject.available} == SUBJECTS
    asked = {(record.subject, record.scenario) for record in run.records}
    assert asked == {(subject, scenario) for subject in SUBJECTS for scenario in scenario_files()}
    failures = [record for record in run.records if not record.valid]
    assert all(record.notes.startswith("unsupported: ") for record in failures), failures
    assert {(record.subject, record.scenario) for record in failures} == {
        ("host", "image-size"),
        ("host", "deploy"),
        ("host", "isolation"),
        ("runc", "deploy"),
        ("crun", "deploy"),
    }


def test_nothing_of_it_is_left(smoke, root, nothing_left) -> None:
    assert not list((root / "run").rglob("*.sock"))


def test_only_machines_have_an_accelerator(run) -> None:
    for record in run.records:
        assert (record.accelerator is not None) == record.subject.startswith("vm-")


def test_phases_are_in_order(run) -> None:
    for pass_ in (1, 2):
        for subject in SUBJECTS:
            phases = {
                record.phase: record.samples
                for record in run.records
                if (record.subject, record.scenario, record.pass_) == (subject, "startup", pass_)
            }
            assert set(phases) == {"created", "first-output", "exit", "removed"}
            for created, first, exited, removed in zip(*phases.values(), strict=True):
                assert 0 <= created <= first <= exited <= removed


def test_kernels_are_shared_or_own(run) -> None:
    shared = {record.subject: record.samples for record in run.records if record.metric == "shared-kernel"}
    expected = {name: (0.0 if name.startswith("vm-") else 1.0,) for name in SUBJECTS - {"host"}}
    assert shared == expected


def test_a_container_weighs_less_than_a_machine(run) -> None:
    pss = {record.subject: max(record.samples) for record in run.records if record.metric == "pss"}
    assert pss["tarebox"] < pss["vm-micro"]
    time = {
        record.subject: max(record.samples)
        for record in run.records
        if (record.scenario, record.phase) == ("startup", "removed")
    }
    assert time["tarebox"] < time["vm-micro"]


def test_pytest_benchmark_compares_it(smoke, call) -> None:
    directory, _ = smoke
    (results,) = (directory / "results/runs").glob("*.json")
    done = call("pytest-benchmark", "compare", str(results), cwd=directory)
    assert done.returncode == 0, done.stderr
    for subject in SUBJECTS:
        assert f"startup[{subject}]" in done.stdout
    benchmarks = json.loads(results.read_text())["benchmarks"]
    (ours,) = (each for each in benchmarks if each["name"] == "startup[tarebox]")
    assert ours["stats"]["rounds"] == len(ours["stats"]["data"]) == 4
    assert ours["extra_info"]["passes"] == [1, 2]


def test_the_table_is_printed_and_the_report_written(smoke) -> None:
    directory, done = smoke
    for row in ("perating system", "torage size", "erformance", "ortability", "ardware", "eployment"):
        assert row in done.stdout
    page = (directory / "reports/out/index.html").read_text()
    for scenario in scenario_files():
        assert scenario in page


def test_a_browser_draws_every_sample_without_an_error(smoke, run, tmp_path) -> None:
    directory, _ = smoke
    seen, console = opened(directory / "reports/out/index.html", tmp_path, "--window-size=1200,1000")
    assert console == []
    samples = Counter()
    for record in run.records:
        samples[record.scenario] += len(record.samples)
    assert {chart["name"]: chart["drawn"] for chart in seen["charts"]} == samples
    assert set(samples) == set(scenario_files())


def test_the_journal_is_gone_once_the_run_is_stored(smoke) -> None:
    directory, _ = smoke
    assert [path.suffix for path in Path(directory / "results/runs").iterdir()] == [".json"]
