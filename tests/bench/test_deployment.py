"""Deployment out of a registry on loopback, and one instance replacing another while a client asks."""

import pytest

from bench.client import Client
from bench.loopback_registry import loopback_registry, publish
from bench.subject import Image, Unsupported
from results.store import Store
from tare.state import State

SUBJECTS = ("tarebox", "docker", "podman", "vm-micro", "runc")


@pytest.fixture(scope="module")
def records(call, tmp_path_factory):
    directory = tmp_path_factory.mktemp("deployment")
    words = ("--subjects", ",".join(SUBJECTS), "--scenarios", "deploy-registry,replacement")
    done = call("tarebench", "run", *words, "--profile", "smoke", "--no-report", cwd=directory)
    assert done.returncode == 0, done.stderr
    store = Store(directory / "results/runs")
    return store.load(store.latest()).records


def test_who_has_no_network_or_images_says_so(records, nothing_left) -> None:
    unsupported = {(record.subject, record.scenario): record.notes for record in records if not record.valid}
    assert set(unsupported) == {("runc", "deploy-registry"), ("runc", "replacement")}
    assert "runc pulls no image" in unsupported["runc", "deploy-registry"]


def test_phases_are_in_order(records) -> None:
    for scenario, names in (
        ("deploy-registry", ["prepared", "created", "ready", "answered"]),
        ("replacement", ["answered", "replaced"]),
    ):
        for subject in SUBJECTS[:-1]:
            found = {
                record.phase: record.samples[0]
                for record in records
                if (record.subject, record.scenario, record.metric) == (subject, scenario, "time")
            }
            assert list(found) == names
            assert sorted(found.values()) == list(found.values())


def test_no_request_fails_while_an_instance_is_replaced(records) -> None:
    failed = {
        record.subject: (record.samples, record.notes)
        for record in records
        if record.metric == "failed-requests"
    }
    assert set(failed) == {*SUBJECTS[:-1], "tarebox-again"}
    assert all(samples == (0.0,) for samples, _ in failed.values()), failed


def test_a_client_counts_what_fails() -> None:
    with Client("127.0.0.1") as client:
        client.switch("127.0.0.2")
    assert all("refused" in failure for failure in client.failures)


def test_without_a_registry_it_says_so(tmp_path, monkeypatch) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(Unsupported, match="docker-registry is not installed"), loopback_registry(tmp_path):
        pass
    with pytest.raises(Unsupported, match="is a root directory, which no registry has"):
        publish(State.at(tmp_path), Image("mine", tmp_path), "127.0.0.1:1")
