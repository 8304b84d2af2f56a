"""The engine on the unified hierarchy of control groups."""

import contextlib
from pathlib import Path

from guest_engine import engine, ran, started
from guest_inside import inside

from runtime import Limits


def group(pid: int) -> Path:
    return Path("/sys/fs/cgroup" + Path(f"/proc/{pid}/cgroup").read_text().strip().removeprefix("0::"))


@inside
def test_the_memory_limit_kills_and_says_so():
    hog = ("dd", "if=/dev/zero", "of=/dev/null", "bs=40M", "count=1")
    with engine() as one, started(one, *hog, limits=Limits(memory=16 << 20)) as container:
        assert container.wait(60) == 137
        assert container.oom_killed


@inside
def test_the_processor_limit_holds():
    with (
        engine() as one,
        started(one, "sh", "-c", "while :; do :; done", limits=Limits(cpus=0.2)) as container,
    ):
        statistics = group(container.pid) / "cpu.stat"
        assert (statistics.parent / "cpu.max").read_text() == "20000 100000\n"
        with contextlib.suppress(TimeoutError):
            container.wait(2)
        assert 0 < container.cpu_seconds() < 1
        counts = dict(line.split() for line in statistics.read_text().splitlines())
        assert int(counts["nr_throttled"]) > 0


@inside
def test_the_process_limit_holds():
    code = "for i in 1 2 3 4 5 6 7 8 9; do sleep 1 & done; wait"
    _, output = ran("sh", "-c", code, limits=Limits(pids=5))
    assert "can't fork" in output


@inside
def test_one_process_is_enough_for_a_container():
    assert ran("true", limits=Limits(pids=1)) == (0, "")


@inside
def test_a_container_is_born_in_its_group():
    with engine() as one, started(one, "sleep", "60") as container:
        assert group(container.pid).name == container.id
        assert container.exec(("cat", "/proc/self/cgroup")).stdout == b"0::/\n"
        assert container.processes() == [container.pid]
        assert container.memory_bytes() > 0


@inside
def test_devices_are_refused_and_allowed():
    code = "mknod /vda b 254 0; cat /vda; mknod /kmsg c 1 11; cat /kmsg; head -c 1 /dev/urandom | wc -c"
    _, output = ran("sh", "-c", code)
    assert output.splitlines() == [
        "cat: can't open '/vda': Operation not permitted",
        "cat: can't open '/kmsg': Operation not permitted",
        "1",
    ]


@inside
def test_a_container_sees_its_own_group_only_and_may_not_write_it():
    code = "cat /proc/self/cgroup; cat /sys/fs/cgroup/pids.max; echo 7 > /sys/fs/cgroup/pids.max"
    status, output = ran("sh", "-c", code, limits=Limits(pids=6))
    assert (status, output.splitlines()) == (
        1,
        ["0::/", "6", "sh: can't create /sys/fs/cgroup/pids.max: Read-only file system"],
    )
