"""Where harness and subjects are apart, no subject gets back to the harness's CPUs, or its records say so."""

import os
import sys
from collections.abc import Iterator

import pytest

from bench.image import find
from bench.lab import Lab
from bench.pinning import Division, allowed, apart
from bench.registry import all_subjects
from bench.scope import running
from bench.straying import straying
from bench.subject import RunSpec, Subject
from bench.subjects.host import Host, HostInstance
from results.store import Store
from tare.state import State

pytestmark = pytest.mark.skipif(len(os.sched_getaffinity(0)) < 2, reason="one CPU can't be divided")

CPUS = os.sched_getaffinity(0)
HARNESS, SUBJECTS = frozenset({min(CPUS)}), frozenset({max(CPUS)})
GIVEN_GROUPS = ("runc", "crun", "docker", "podman", "containerd", "lxc")
INHERITING = (
    *("host", "tarebox", "tarebox-cli", "tarebox-rootless", "nspawn"),
    *("vm-micro", "vm-q35", "vm-restored"),
)
RESET = ("sh", "-c", "taskset -p ff $$ >&2; echo ready; exec sleep 87653")
"""As newer runtimes do before they start a payload (sched_setaffinity(2) to all CPUs)."""

PINNED_RUN = """
import os
import sys
from bench import cli, pinning
from bench.subjects.host import Host

pinning._FEWEST = 2
every = os.sched_getaffinity(0)
start = Host.start

def start_anywhere(self, spec):
    instance = start(self, spec)
    os.sched_setaffinity(instance.pid(), every)
    return instance

Host.start = start_anywhere
sys.exit(cli.main())
"""


def test_nobody_strays_where_all_cpus_are_shared(root) -> None:
    state = State.at(root)
    assert straying(Host(Lab(state)), find(state, "busybox")) == ""


def test_records_say_who_got_away(call, tmp_path) -> None:
    done = call(
        *(sys.executable, "-c", PINNED_RUN, "run", "--profile", "smoke", "--scenarios", "startup"),
        *("--subjects", "host,runc,vm-micro", "--no-report"),
        cwd=tmp_path,
    )
    assert done.returncode == 0, done.stderr + done.stdout
    store = Store(tmp_path / "results/runs")
    run = store.load(store.latest())
    assert run.host["pinning"] == f"harness on CPU {min(HARNESS)}, subjects on {min(SUBJECTS)}"
    assert {(record.subject.removesuffix("-again"), record.notes) for record in run.records} == {
        ("host", f"not kept from the harness's CPUs: it may run on {min(HARNESS)} as well"),
        ("runc", ""),
        ("vm-micro", ""),
    }


@pytest.fixture(scope="module")
def lab(root) -> Iterator[Lab]:
    with apart(Division(HARNESS, SUBJECTS)), Lab(State.at(root)) as opened:
        yield opened


@pytest.fixture(scope="module")
def subjects(lab) -> dict[str, Subject]:
    return all_subjects(lab)


@pytest.mark.parametrize("name", (*GIVEN_GROUPS, *INHERITING))
def test_a_subject_keeps_to_its_cpus(lab, subjects, name) -> None:
    assert straying(subjects[name], find(lab.state, "busybox")) == ""


@pytest.mark.parametrize("name", GIVEN_GROUPS)
def test_asking_for_all_cpus_is_in_vain(lab, subjects, name) -> None:
    subject = subjects[name]
    with running(subject, RunSpec(subject.prepare(find(lab.state, "busybox")), RESET)) as instance:
        assert allowed(instance.pid()) == SUBJECTS


class Escaping(Host):
    """A host whose processes are given all CPUs."""

    def start(self, spec: RunSpec) -> HostInstance:
        instance = super().start(spec)
        os.sched_setaffinity(instance.pid(), CPUS)
        return instance


def test_who_gets_away_is_told(lab) -> None:
    image = find(lab.state, "busybox")
    told = straying(Escaping(lab), image)
    assert told == f"not kept from the harness's CPUs: it may run on {min(HARNESS)} as well"


def test_who_cannot_be_looked_at_is_told(lab, tmp_path) -> None:
    (tmp_path / "empty").mkdir()
    told = straying(Host(lab), find(lab.state, f"{tmp_path}/empty"))
    assert told.startswith("where it ran isn't known: ")
