import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from runtime import ContainerSpec, Limits
from runtime.cgroups import detect
from runtime.cgroups.none import DriverNone
from runtime.errors import CgroupError


@pytest.fixture
def tmp_path() -> Iterator[Path]:
    """On a disk: what is written in memory counts as the container's."""
    with tempfile.TemporaryDirectory(dir="/var/tmp", prefix="tare-") as name:
        yield Path(name)


def test_memory_limit_kills(start):
    container = start("sh", "-c", "head -c 200m /dev/zero | tail -c 200m", limits=Limits(memory=16 << 20))
    assert container.wait(30) == 137
    assert container.oom_killed
    container.remove()


def test_its_limit_can_be_read_inside(run):
    limit = "/sys/fs/cgroup/memory/memory.limit_in_bytes"
    assert run("cat", limit, limits=Limits(memory=64 << 20)).output == f"{64 << 20}\n"


def test_memory_scratch_counts_and_disk_does_not_kill(start):
    write = ("dd", "if=/dev/zero", "of=/file", "bs=1M", "count=40")
    container = start(*write, limits=Limits(memory=16 << 20), on_disk=False)
    assert container.wait(30) != 0
    container.remove()
    container = start(*write, limits=Limits(memory=16 << 20))
    assert container.wait(60) == 0
    assert not container.oom_killed
    container.remove()


def test_process_limit(run):
    code = "for i in 1 2 3 4 5 6 7 8 9; do sleep 1 & done; wait"
    assert "can't fork" in run("sh", "-c", code, limits=Limits(pids=5)).output


def test_cpu_limit(start):
    container = start("sh", "-c", "while :; do :; done", limits=Limits(cpus=0.2))
    with pytest.raises(TimeoutError):
        container.wait(1.0)
    assert 0 < container.cpu_seconds() < 0.6
    container.remove()


def test_usage_is_readable(start):
    container = start("sleep", "60")
    assert container.exec(("true",)).returncode == 0
    assert 0 < container.memory_bytes() < 64 << 20
    assert container.processes() == [container.pid]
    container.remove()
    with pytest.raises(CgroupError):
        container.memory_bytes()


def test_a_host_without_groups_runs_what_needs_none(engine, image):
    engine._driver = DriverNone()
    container = engine.start(ContainerSpec(image, ("true",)))
    assert container.wait() == 0
    container.remove()
    with pytest.raises(CgroupError, match="limits"):
        engine.start(ContainerSpec(image, ("true",), limits=Limits(pids=5)))


def test_a_refused_limit_leaves_no_group(engine, image):
    driver = detect.driver(engine.name)
    with pytest.raises(CgroupError):
        engine.start(ContainerSpec(image, ("true",), limits=Limits(memory=1 << 62, pids=1 << 40)))
    assert all(not path.endswith("-") for path in driver.parents())
