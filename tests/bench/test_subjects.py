"""Each container subject starts, runs, executes, stops, and leaves nothing."""

import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

import psutil
import pytest
from leftovers import leftovers

from bench.clean import clean
from bench.deployment import SERVE
from bench.footprint import cgroup_directory
from bench.goals.programs import TAREBOX_OCI
from bench.image import find
from bench.lab import Lab
from bench.ready import first_answer
from bench.registry import all_subjects
from bench.runtimes import found
from bench.second_image import SIZE
from bench.subject import RunSpec, Subject, Unsupported
from tare.state import State
from vm_baseline import virtiofs

SUBJECTS = (
    *("crun", "tarebox-oci", "nspawn", "containerd", "tarebox-rootless"),
    *("docker", "podman", "tarebox-cli", "lxc"),
)
WITHOUT_NETWORK = SUBJECTS[:5]
WITHOUT_LIMIT_OF_PROCESSES = ("containerd",)
WITHOUT_VOLUME = ("tarebox-rootless",)
PACKED_TOO = ("tarebox-cli", "tarebox-rootless", "containerd")
SHARING = (*PACKED_TOO, "docker", "podman")
IDLE = ("sh", "-c", "echo ready; exec sleep 87654")
LIMIT = 64 << 20


@pytest.fixture(scope="module")
def state(root) -> State:
    return State.at(root)


@pytest.fixture(scope="module")
def subjects(state) -> Iterator[dict[str, Subject]]:
    before = set(strangers())
    with Lab(state, runtimes=found([TAREBOX_OCI])) as lab:
        yield all_subjects(lab)
    assert leftovers(state) == []
    assert set(strangers()) <= before


def strangers() -> Iterator[Path]:
    """What the programs put outside of the places that they are given, unless they are kept from it."""
    for path in ("run/netns/*", "run/lxc/*", "run/systemd/nspawn/*/*", "dev/shm/libpod*", "var/lib/cni/*"):
        yield from Path("/").glob(path)
    for name in ("lxc.pivot", "payload", "supervisor"):
        yield from Path("/sys/fs/cgroup").glob(f"*/{name}")


@pytest.fixture(params=SUBJECTS)
def subject(request, subjects):
    one = subjects[request.param]
    availability = one.availability()
    assert availability.usable, availability.reason
    assert availability.version[0].isdigit()
    return one


def limits() -> dict[str, int | None]:
    """Of the one idle payload there is: bytes, microseconds in a period of 100 ms, processes."""
    (pid,) = (
        each.pid for each in psutil.process_iter(["cmdline"]) if each.info["cmdline"] == ["sleep", "87654"]
    )
    files = {
        "memory": ("memory.limit_in_bytes", "memory.max"),
        "cpu": ("cpu.cfs_quota_us", "cpu.max"),
        "pids": ("pids.max",),
    }
    found = {}
    for controller, names in files.items():
        directory = cgroup_directory(pid, controller)
        assert directory
        (text,) = ((directory / name).read_text() for name in names if (directory / name).exists())
        found[controller] = None if text.startswith("max") else int(text.split()[0])
    return found


def test_a_subject_lives_and_ends(subject, state, tmp_path, monkeypatch) -> None:
    # conmon says in its working directory that it was out of memory.
    monkeypatch.chdir(tmp_path)
    prepared = subject.prepare(find(state, "busybox"))
    volume = "" if subject.name in WITHOUT_VOLUME else "/volume"
    instance = subject.start(RunSpec(prepared, IDLE, memory=LIMIT, volume=volume))
    try:
        instance.wait_ready(20)
        done = instance.exec(("sh", "-c", f"cat | tee {volume}/x; exit 3"), stdin=b"given", timeout=20)
        assert (done.returncode, done.stdout) == (3, b"given"), done.stderr
        # It takes more than it may.
        done = instance.exec(("dd", "if=/dev/zero", "of=/dev/null", "bs=200M", "count=1"), timeout=20)
        assert done.returncode == 137, done.stderr
        assert limits() == {
            "memory": LIMIT,
            "cpu": 100_000,
            "pids": None if subject.name in WITHOUT_LIMIT_OF_PROCESSES else 512,
        }
        found = instance.footprint()
        assert found.cgroup is not None
        assert 0 < found.cgroup < LIMIT
        assert found.pss > 0
        assert found.disk is not None
        instance.stop()
        instance.stop()
    finally:
        instance.remove()
    instance.remove()
    instance = subject.start(RunSpec(prepared, ("sh", "-c", "echo ready; test -w /dev/shm && exit 7")))
    try:
        instance.wait_ready(20)
        assert instance.wait(20) == 7
    finally:
        instance.remove()
    seconds = list(instance.timeline.seconds().values())
    assert seconds == sorted(seconds)
    assert subject.makeup(RunSpec(prepared, IDLE)).configuration
    assert subject.sizes(prepared.image)["files"] > 0
    assert list(tmp_path.iterdir()) == []


def test_a_second_image_shares_its_base_where_there_are_layers(subject, state) -> None:
    image = find(state, "busybox")
    files = subject.sizes(image)["files"]
    added = subject.added(image)
    if subject.name in SHARING:
        least = SIZE * (2 if subject.name in PACKED_TOO else 1)
        assert least <= added < least + files / 2
    else:
        assert added == pytest.approx(files + SIZE, abs=files / 10)
    assert subject.added(image) == pytest.approx(added, abs=files / 2)


def test_lxc_is_deployed_from_a_new_copy_and_its_network_is_written_down(subjects, state) -> None:
    lxc, image = subjects["lxc"], find(state, "busybox")
    prepared = lxc.prepare(image)
    assert lxc.prepare(image) == prepared != lxc.prepare(image, fresh=True)
    lines = [
        len(lxc.makeup(RunSpec(prepared, IDLE, network=network)).configuration.splitlines())
        for network in (False, True)
    ]
    assert lines[1] == lines[0] + 5


def test_a_machine_without_anybody_to_serve_volumes_says_so(subjects, state, monkeypatch) -> None:
    machine = subjects["vm-micro"]
    spec = RunSpec(machine.prepare(find(state, "busybox")), IDLE, volume="/volume")
    monkeypatch.setattr(virtiofs, "_BACKENDS", ())
    with pytest.raises(Unsupported, match="no virtiofsd"):
        machine.start(spec)


def test_a_subject_serves_or_says_that_it_has_no_network(subject, state) -> None:
    spec = RunSpec(subject.prepare(find(state, "busybox")), SERVE, network=True)
    if subject.name in WITHOUT_NETWORK:
        with pytest.raises(Unsupported):
            subject.start(spec)
        return
    instance = subject.start(spec)
    try:
        instance.wait_ready(20)
        assert first_answer(instance.address())
    finally:
        instance.remove()


@pytest.fixture
def short_root() -> Iterator[Path]:
    """A state root whose daemons' sockets have names that are not too long (unix(7))."""
    with tempfile.TemporaryDirectory(prefix="tare-") as name:
        yield Path(name)


def test_what_a_killed_run_left_can_be_cleaned(short_root) -> None:
    program = str(Path(__file__).with_name("abandoned.py"))
    with subprocess.Popen(
        (sys.executable, program, str(short_root), *SUBJECTS), stdout=subprocess.PIPE
    ) as process:
        assert process.stdout.readline() == b"ready\n"
        process.kill()
    assert clean(State.at(short_root))
    assert leftovers(State.at(short_root)) == []
    assert not [each for each in psutil.process_iter(["cmdline"]) if "98765" in (each.info["cmdline"] or ())]
    assert clean(State.at(short_root)) == []
