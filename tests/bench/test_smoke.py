"""The whole way from the command line to the report, with the subjects that the smallest profile asks."""

import json
from collections import Counter
from pathlib import Path

import psutil
import pytest
from browser import opened

from bench.plan import chosen_scenarios
from bench.profile import profile
from bench.subject import MIB
from results.store import Store

SCENARIOS = chosen_scenarios([], tools=False, leaves_out=profile("smoke").leaves_out)
SUBJECTS = {"host", "tarebox", "tarebox-again", "runc", "docker", "vm-micro"}


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
    assert asked == {(subject, scenario) for subject in SUBJECTS for scenario in SCENARIOS}
    failures = [record for record in run.records if not record.valid]
    assert all(record.notes.startswith("unsupported: ") for record in failures), failures
    assert {(record.subject, record.scenario) for record in failures} == {
        ("host", "image-size"),
        ("host", "deploy"),
        ("runc", "deploy"),
        ("host", "cpu-quota"),
        ("vm-micro", "cpu-quota"),
    }


def test_nothing_of_it_is_left(smoke, root, nothing_left) -> None:
    assert not list((root / "run").rglob("*.sock"))


def test_what_the_harness_took_is_known_and_little(smoke, run) -> None:
    _, done = smoke
    assert run.host["harness"]["memory"] <= 200_000_000
    assert len(run.host["harness"]["overhead"]) == 200
    assert "The harness is " in done.stdout


def test_only_machines_have_an_accelerator(run) -> None:
    for record in run.records:
        assert (record.accelerator is not None) == record.subject.startswith("vm-")


def test_phases_are_in_order(run) -> None:
    for pass_ in (1, 2):
        for subject in SUBJECTS:
            phases = {
                record.phase: record.samples
                for record in run.records
                if (record.subject, record.scenario, record.metric, record.pass_)
                == (subject, "startup", "time", pass_)
            }
            assert set(phases) == {"created", "first-output", "exit", "removed"}
            for created, first, exited, removed in zip(*phases.values(), strict=True):
                assert 0 <= created <= first <= exited <= removed


def test_the_first_start_of_each_visit_is_told_apart(run) -> None:
    found = {
        (record.subject, record.pass_, record.metric): record
        for record in run.records
        if record.scenario == "startup" and record.phase == "first-output"
    }
    for subject in SUBJECTS:
        for pass_ in (1, 2):
            first = found[subject, pass_, "first"]
            assert first.samples == found[subject, pass_, "time"].samples[:1]
            assert not first.warm_up


def test_the_parts_of_a_machines_life_add_up_to_all_of_it(run) -> None:
    parts, whole = {}, {}
    for record in run.records:
        key = record.subject, record.pass_
        if (record.scenario, record.metric) == ("startup", "part"):
            parts.setdefault(key, {})[record.phase] = record.samples
        elif (record.scenario, record.metric, record.phase) == ("startup", "time", "removed"):
            whole[key] = record.samples
    assert {subject for subject, _ in parts} == {name for name in SUBJECTS if name.startswith("vm-")}
    for key, found in parts.items():
        assert {"process", "kernel", "init", "running", "ready", "first-output", "undefined"} <= set(found)
        totals = [sum(samples) for samples in zip(*found.values(), strict=True)]
        assert totals == pytest.approx(whole[key], rel=0.05, abs=0.05)


def test_an_instances_memory_is_told_apart(run) -> None:
    found = [record for record in run.records if (record.scenario, record.metric) == ("memory", "part")]
    containers = {(record.subject, record.phase) for record in found if not record.subject.startswith("vm-")}
    assert {
        ("host", "private"),
        ("host", "files"),
        ("tarebox", "private"),
        ("tarebox", "kernel"),
    } <= containers
    found = [record for record in found if record.subject.startswith("vm-")]
    assert {(record.subject, record.phase) for record in found} == {
        (subject, part)
        for subject in SUBJECTS
        if subject.startswith("vm-")
        for part in ("guest-ram", "qemu", "kernel")
    }
    assert all(sample > 0 for record in found for sample in record.samples)


def test_each_further_instance_takes_memory(run) -> None:
    def of(subject: str, metric: str) -> dict:
        asked = (subject, "memory", metric)
        return {
            record.phase: record.samples[0]
            for record in run.records
            if (record.subject, record.scenario, record.metric) == asked
        }

    for subject in SUBJECTS:
        total = of(subject, "total")
        assert 0 < total["1"] < total["2"]
        further = of(subject, "marginal")[""]
        assert further == pytest.approx(total["2"] - total["1"])
        assert of(subject, "density")[""] * further == pytest.approx(psutil.virtual_memory().total, rel=0.01)


def test_kernels_are_shared_or_own(run) -> None:
    shared = {record.subject: record.samples for record in run.records if record.metric == "shared-kernel"}
    expected = {name: (0.0 if name.startswith("vm-") else 1.0,) for name in SUBJECTS - {"host"}}
    assert shared == expected


def test_the_host_shows_through_containers_and_not_into_machines(run) -> None:
    leaks = {record.subject: record for record in run.records if record.metric == "leaks"}
    assert set(leaks) == SUBJECTS - {"host"}
    for name, record in leaks.items():
        seen = {fact for fact, finding in record.facts if finding.startswith("host: ")}
        assert record.samples == (len(seen),)
        if name.startswith("vm-"):
            assert not seen
        else:
            assert {"boot-id", "kernel-release", "memory", "uptime"} <= seen
            assert not {"processes", "interfaces", "kernel-log", "hostname"} & seen


def test_profiles_keep_system_calls_from_the_hosts_kernel(run) -> None:
    reached = {
        record.subject: max(record.samples)
        for record in run.records
        if (record.metric, record.phase) == ("syscalls", "reached")
    }
    for name in ("tarebox", "runc", "docker"):
        assert 200 < reached[name] < reached["host"]
    refused = {
        record.subject: record.notes.split()
        for record in run.records
        if (record.metric, record.phase) == ("syscalls", "refused")
    }
    assert {"bpf", "mount", "unshare", "perf_event_open"} <= set(refused["tarebox"])
    assert refused["host"] == refused["vm-micro"] == []


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
    for scenario in SCENARIOS:
        assert scenario in page


def test_a_browser_draws_every_sample_without_an_error(smoke, run, tmp_path) -> None:
    directory, _ = smoke
    seen, console = opened(directory / "reports/out/index.html", tmp_path, "--window-size=1200,1000")
    assert console == []
    controls = {subject.name for subject in run.subjects if subject.again}
    samples = Counter()
    for record in run.records:
        samples[record.scenario] += len(record.samples) * (record.subject not in controls)
    assert {chart["name"]: chart["drawn"] for chart in seen["charts"]} == samples
    assert set(samples) == set(SCENARIOS)


def test_the_journal_is_gone_once_the_run_is_stored(smoke) -> None:
    directory, _ = smoke
    assert [path.suffix for path in Path(directory / "results/runs").iterdir()] == [".json"]


def test_a_machine_has_hardware_of_its_own_and_a_container_the_hosts(run) -> None:
    seen = {record.subject: dict(record.facts) for record in run.records if record.metric == "seen"}
    assert seen["tarebox"]["drivers"] == seen["host"]["drivers"] != seen["vm-micro"]["drivers"]
    assert "virtio" in seen["vm-micro"]["devices"]
    assert all(facts["clocksource"] != "not told" for facts in seen.values())


def test_instances_add_what_they_write_to_what_they_share(run) -> None:
    found = {
        (record.subject, int(record.phase)): record.samples[0]
        for record in run.records
        if (record.scenario, record.metric) == ("image-size", "instances")
    }
    for subject in ("tarebox", "docker", "runc", "vm-micro"):
        one, two, ten = (found[subject, count] for count in (1, 2, 10))
        assert ten - two == 8 * (two - one)
        assert two - one < one


def test_a_second_image_adds_what_its_base_does_not_have(run) -> None:
    found = {
        (record.subject, record.metric): record.samples[0]
        for record in run.records
        if record.scenario == "image-size" and not record.phase and record.samples
    }
    # Packed and unpacked; unpacked; all of it again.
    assert 2 * MIB <= found["tarebox", "second-image"] < 2.2 * MIB
    assert MIB <= found["docker", "second-image"] < 1.5 * MIB
    assert found["runc", "second-image"] == pytest.approx(found["runc", "files"] + MIB, abs=MIB / 10)
    assert found["vm-micro", "second-image"] > MIB
