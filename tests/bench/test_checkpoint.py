"""A running instance saved and going on elsewhere: machines do, and containers say why they don't."""

import pytest

from results.store import Store

MACHINES = ("vm-micro", "vm-q35")
CONTAINERS = ("tarebox", "runc", "crun", "docker", "podman", "containerd", "lxc", "nspawn", "tarebox-cli")


@pytest.fixture(scope="module")
def records(call, tmp_path_factory):
    directory = tmp_path_factory.mktemp("checkpoint")
    subjects = ",".join(("host", *CONTAINERS, *MACHINES))
    words = ("--profile", "smoke", "--subjects", subjects, "--scenarios", "checkpoint", "--no-report")
    done = call("tarebench", "run", *words, cwd=directory)
    assert done.returncode == 0, done.stderr
    store = Store(directory / "results/runs")
    return store.load(store.latest()).records


def test_a_machine_goes_on_where_it_was_brought(records, root, nothing_left) -> None:
    for machine in MACHINES:
        phases = {
            record.phase: record.samples[0]
            for record in records
            if (record.subject, record.metric) == (machine, "time")
        }
        assert list(phases) == ["saved", "moved", "resumed"]
        assert 0 < phases["saved"] < phases["moved"] < phases["resumed"]
        (size,) = (each for each in records if (each.subject, each.metric) == (machine, "bytes"))
        assert 1 << 20 < size.samples[0] < 256 << 20
        assert ("disk.qcow2" in size.notes) == (machine == "vm-q35")
    assert not (root / "data/elsewhere").exists()


def test_each_program_says_itself_why_it_saves_nothing(records) -> None:
    said = {record.subject: record.notes for record in records if not record.valid}
    assert set(said) == {"host", *CONTAINERS, "tarebox-again"}
    assert all(each.startswith("unsupported: ") for each in said.values()), said
    assert all(each.endswith("criu is not installed") for each in said.values()), said
    for name in ("runc", "crun", "docker", "podman", "containerd", "lxc"):
        assert f"{name} says: " in said[name]
    assert "nspawn has no command" in said["nspawn"]
