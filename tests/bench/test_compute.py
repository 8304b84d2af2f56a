"""What programs of the tools image and our own find out about processors, memory and disk, both ways."""

import pytest

from results.store import Store
from results.vocabulary import find

SCENARIOS = ("cpu-programs", "disk", "memory-limit", "memory-speed")
BOTH = ("tarebox", "vm-q35")


@pytest.fixture(scope="module")
def run(call, tools_image, tmp_path_factory):
    directory = tmp_path_factory.mktemp("compute")
    asked = ("--scenarios", ",".join(SCENARIOS), "--subjects", ",".join(BOTH))
    done = call("tarebench", "run", "--profile", "smoke", *asked, "--no-report", cwd=directory)
    assert done.returncode == 0, done.stderr
    store = Store(directory / "results/runs")
    return store.load(store.latest())


def test_both_answer_and_all_they_say_has_a_name(run) -> None:
    assert all(record.valid for record in run.records)
    for record in run.records:
        entry = find(record.scenario, record.metric)
        assert entry, record
        assert not entry.phases or record.phase in dict(entry.phases)
        assert all(sample >= 0 for sample in record.samples)
    said = {name: phases(run, name) for name in BOTH}
    assert said["tarebox"] == said["vm-q35"]
    places = [phase.partition("-")[0] for scenario, _, phase in said["tarebox"] if scenario == "disk"]
    assert places.count("root") == places.count("volume") == 9


def test_without_a_volume_the_root_is_measured_and_the_reason_told(call, tmp_path) -> None:
    asked = ("--scenarios", "disk", "--subjects", "tarebox-rootless")
    done = call("tarebench", "run", "--profile", "smoke", *asked, "--no-report", cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    store = Store(tmp_path / "results/runs")
    records = store.load(store.latest()).records
    (failed,) = {record.notes for record in records if not record.valid}
    assert failed == "unsupported: no volume: a volume of the harness's is not the ordinary user's"
    measured = {record.phase.partition("-")[0] for record in records if record.valid}
    assert measured == {"root"}


def phases(run, subject):
    return {(each.scenario, each.metric, each.phase) for each in run.records if each.subject == subject}


def test_who_ends_what_takes_too_much(run) -> None:
    found = {(each.subject, each.metric): each for each in run.records if each.scenario == "memory-limit"}
    killers = {name: found[name, "host-kills"].notes for name in BOTH}
    assert killers == {"tarebox": "killed by the host's kernel", "vm-q35": "killed by the guest's kernel"}
    for name in BOTH:
        assert found[name, "goes-on"].samples == (1.0,)
    (container,), (machine,) = (found[name, "reached"].samples for name in BOTH)
    assert machine < container <= 128 << 20
