"""Version 2 of control groups: files on a made-up tree, processes on this host's real one."""

import os
import select
import subprocess
import sys
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from runtime.cgroups import creation, files, hierarchy, manager, resources_v2, stats_v2, tree
from runtime.cgroups.manager import Manager
from runtime.errors import CgroupError

MEBIBYTE = 1 << 20
PROJECT = str(Path(__file__).parents[2])
CONTROLLERS = ("cpu", "cpuset", "memory", "pids", "io", "hugetlb", "rdma")


@pytest.fixture
def group(tmp_path) -> Path:
    """A made-up group, whose files take what is written."""
    for name, text in {
        "cpu.max": "max 100000\n", "memory.max": "max\n", "memory.swap.max": "max\n",
        "memory.current": "4096\n", "hugetlb.2MB.rsvd.max": "max\n",
    }.items():  # fmt: skip
        (tmp_path / name).write_text(text)
    return tmp_path


@pytest.fixture
def written(group, monkeypatch) -> list[tuple[str, str]]:
    log: list[tuple[str, str]] = []
    monkeypatch.setattr(
        files, "write", lambda path, *values: log.extend((Path(path).name, each) for each in values)
    )
    return log


@pytest.mark.parametrize(
    ("resources", "expected"),
    [
        ({"memory": {"limit": 100}}, {"memory.max": "100"}),
        ({"memory": {"limit": 100, "swap": 300}}, {"memory.max": "100", "memory.swap.max": "200"}),
        ({"memory": {"limit": 100, "swap": 100}}, {"memory.max": "100", "memory.swap.max": "0"}),
        ({"memory": {"limit": 100, "swap": -1}}, {"memory.max": "100", "memory.swap.max": "max"}),
        ({"memory": {"limit": -1}}, {"memory.max": "max", "memory.swap.max": "max"}),
        ({"memory": {"limit": -1, "swap": 300}}, {"memory.max": "max", "memory.swap.max": "300"}),
        ({"memory": {"swap": 300}}, {"memory.swap.max": "300"}),
        ({"memory": {"reservation": 50, "kernel": -1, "useHierarchy": True}}, {"memory.low": "50"}),
        ({"memory": {"disableOOMKiller": False, "limit": 0, "swap": 0}}, {}),
        ({"cpu": {"shares": 1024}}, {"cpu.weight": "100"}),
        ({"cpu": {"quota": 50000}}, {"cpu.max": "50000"}),
        ({"cpu": {"quota": -1}}, {"cpu.max": "max"}),
        ({"cpu": {"period": 50000}}, {"cpu.max": "max 50000"}),
        ({"cpu": {"quota": 5000, "period": 10000, "burst": 100}},
         {"cpu.max": "5000 10000", "cpu.max.burst": "100"}),
        ({"cpu": {"idle": 1, "cpus": "0-1", "mems": "0"}},
         {"cpu.idle": "1", "cpuset.cpus": "0-1", "cpuset.mems": "0"}),
        ({"pids": {"limit": 7}}, {"pids.max": "7"}),
        ({"pids": {"limit": -1}}, {"pids.max": "max"}),
        ({"blockIO": {"weight": 1000, "weightDevice": [{"major": 8, "minor": 0, "weight": 10}]}},
         [("io.weight", "10000"), ("io.weight", "8:0 1")]),
        ({"blockIO": {"throttleReadBpsDevice": [{"major": 8, "minor": 0, "rate": 5}],
                      "throttleWriteIOPSDevice": [{"major": 8, "minor": 0, "rate": 0}]}},
         [("io.max", "8:0 rbps=5"), ("io.max", "8:0 wiops=max")]),
        ({"hugepageLimits": [{"pageSize": "2MB", "limit": 4}]},
         {"hugetlb.2MB.max": "4", "hugetlb.2MB.rsvd.max": "4"}),
        ({"hugepageLimits": [{"pageSize": "1GB", "limit": 4}]}, {"hugetlb.1GB.max": "4"}),
        ({"rdma": {"mlx": {"hcaHandles": 1, "hcaObjects": 2}}},
         {"rdma.max": "mlx hca_handle=1 hca_object=2"}),
        ({"unified": {"memory.high": "9", "io.max": "8:0 rbps=1\n8:1 rbps=2", "cgroup.max.depth": "3"}},
         [("memory.high", "9"), ("io.max", "8:0 rbps=1"), ("io.max", "8:1 rbps=2"),
          ("cgroup.max.depth", "3")]),
    ],
)  # fmt: skip
def test_conversions(group, written, resources, expected):
    resources_v2.apply(str(group), resources, CONTROLLERS)
    assert sorted(written) == sorted(expected.items() if isinstance(expected, dict) else expected)


@pytest.mark.parametrize(
    ("resources", "said"),
    [
        ({"memory": {"kernel": 5}}, "no counterpart of memory.kernel"),
        ({"memory": {"kernelTCP": 5}}, "memory.kernelTCP"),
        ({"memory": {"swappiness": 0}}, "memory.swappiness"),
        ({"memory": {"disableOOMKiller": True}}, "disableOOMKiller"),
        ({"memory": {"limit": 300, "swap": 100}}, "memory and swap"),
        ({"memory": {"limit": 100, "checkBeforeUpdate": True}}, "less than the 4096 in use"),
        ({"cpu": {"realtimeRuntime": 5}}, "cpu.realtimeRuntime"),
        ({"blockIO": {"leafWeight": 10}}, "leafWeight"),
        ({"blockIO": {"weightDevice": [{"major": 8, "minor": 0, "leafWeight": 10}]}}, "leafWeight"),
        ({"network": {"classID": 1}}, "network classes"),
        ({"unified": {"../x": "1"}}, "no file of a control group"),
        ({"unified": {"misc.max": "max"}}, "no misc controller"),
    ],
)
def test_what_cant_be_converted_is_an_error(group, written, resources, said):
    with pytest.raises(CgroupError, match=said):
        resources_v2.apply(str(group), resources, CONTROLLERS)
    assert written == []


def test_no_swap_accounting_is_fine_where_there_is_nothing_to_limit(group, written):
    (group / "memory.swap.max").unlink()
    resources_v2.apply(str(group), {"memory": {"limit": 100, "swap": 100}}, CONTROLLERS)
    assert written == [("memory.max", "100")]


def test_the_block_scheduler_s_weight_is_not_converted(group, written):
    (group / "io.bfq.weight").touch()
    resources_v2.apply(str(group), {"blockIO": {"weight": 500}}, CONTROLLERS)
    assert written == [("io.bfq.weight", "500")]


def test_weights_keep_their_ends_and_their_default():
    weights = [resources_v2.weight_of_shares(shares) for shares in (1, 2, 1024, 262144, 1 << 30)]
    assert weights == [1, 1, 100, 10000, 10000]
    assert [resources_v2.weight_of_block_weight(weight) for weight in (10, 1000)] == [1, 10000]


def test_statistics(tmp_path):
    for name, text in {
        "cpu.stat": "usage_usec 5\nuser_usec 3\nsystem_usec 2\n"
        "nr_periods 4\nnr_throttled 1\nthrottled_usec 9\n",
        "memory.stat": "anon 1\nfile 2\n", "memory.current": "100\n", "memory.max": "max\n",
        "memory.peak": "200\n", "memory.swap.current": "10\n", "memory.swap.max": "50\n",
        "memory.events": "max 3\noom 0\noom_kill 0\n",
        "pids.current": "2\n", "pids.max": "max\n",
        "io.stat": "8:0 rbytes=1 wbytes=2 rios=3 wios=4 dbytes=0 dios=0\n",
        "io.pressure": "some avg10=0.50 avg60=0.00 avg300=0.00 total=7\n",
        "hugetlb.2MB.current": "6\n", "hugetlb.2MB.max": "max\n", "hugetlb.2MB.rsvd.max": "max\n",
        "hugetlb.2MB.events": "max 8\n",
        "cpuset.cpus.effective": "0-1,3\n",
    }.items():  # fmt: skip
        (tmp_path / name).write_text(text)
    stats = stats_v2.read(str(tmp_path))
    assert stats["cpu"] == {
        "usage": {"total": 5000, "kernel": 2000, "user": 3000},
        "throttling": {"periods": 4, "throttledPeriods": 1, "throttledTime": 9000},
    }
    assert stats["cpuset"]["cpus"] == [0, 1, 3]
    assert stats["memory"]["usage"] == {"limit": 2**64 - 1, "usage": 100, "max": 200, "failcnt": 3}
    assert stats["memory"]["swap"] == {"limit": 2**64 - 1, "usage": 110, "failcnt": 0}
    assert stats["memory"]["raw"] == {"anon": 1, "file": 2}
    assert stats["memory"]["cache"] == 2
    assert stats["pids"] == {"current": 2}
    assert stats["blkio"]["ioServicedRecursive"] == [
        {"major": 8, "op": "Read", "value": 3},
        {"major": 8, "op": "Write", "value": 4},
    ]
    assert stats["blkio"]["psi"] == {"some": {"avg10": 0.5, "avg60": 0.0, "avg300": 0.0, "total": 7}}
    assert stats["hugetlb"] == {"2MB": {"usage": 6, "failcnt": 8}}


@pytest.fixture
def only_unified(monkeypatch) -> Iterator[str]:
    """This host as if its version 2 tree were all there is, with no controller but hugetlb."""
    _, mountpoint = hierarchy.mounted()
    monkeypatch.setattr(creation, "mounted", lambda: ([], mountpoint))
    before = Path(mountpoint, "cgroup.subtree_control").read_text().split()
    yield mountpoint
    for controller in set(Path(mountpoint, "cgroup.subtree_control").read_text().split()) - set(before):
        Path(mountpoint, "cgroup.subtree_control").write_text(f"-{controller}")


@pytest.fixture
def groups(only_unified) -> Iterator[Manager]:
    name = f"tareoci{os.urandom(4).hex()}"
    made = manager.for_container(f"/{name}/a/one", "unused")
    yield made
    made.kill()
    made.remove()
    assert not Path(only_unified, name).exists()


@pytest.fixture
def sleeper() -> Iterator[subprocess.Popen[bytes]]:
    with subprocess.Popen(["sh", "-c", "while read line; do echo $line; done"],
                          stdin=subprocess.PIPE, stdout=subprocess.PIPE, bufsize=0) as process:  # fmt: skip
        yield process
        process.kill()


def test_controllers_are_handed_down(groups):
    groups.create({"hugepageLimits": [{"pageSize": "2MB", "limit": 4 * MEBIBYTE}]})
    assert (groups.version, groups.join, list(groups.paths)) == (2, (), [""])
    assert Path(groups.unified, "hugetlb.2MB.max").read_text().strip() == str(4 * MEBIBYTE)
    assert Path(groups.unified, "hugetlb.2MB.rsvd.max").read_text().strip() == str(4 * MEBIBYTE)
    groups.update({"unified": {"hugetlb.2MB.max": str(2 * MEBIBYTE)}})
    assert Path(groups.unified, "hugetlb.2MB.max").read_text().strip() == str(2 * MEBIBYTE)
    with pytest.raises(CgroupError, match="no memory controller"):
        groups.update({"memory": {"limit": MEBIBYTE}})
    groups.update({"memory": {"limit": -1}, "pids": {"limit": -1}})
    with pytest.raises(CgroupError, match="hugetlb.9MB.max"):
        groups.update({"hugepageLimits": [{"pageSize": "9MB", "limit": 1}]})
    assert groups.stats()["hugetlb"]["2MB"] == {"failcnt": 0}


def test_a_controller_that_is_not_handed_down_is_told(groups, sleeper):
    groups.create({})
    below = Path(groups.unified, "below")
    below.mkdir()
    with pytest.raises(CgroupError, match=f"{groups.unified} can't hand down its hugetlb controller"):
        resources_v2.apply(str(below), {"unified": {"hugetlb.2MB.max": "0"}}, ())


def test_a_process_that_moved_is_found(groups, sleeper):
    groups.create({})
    below = Path(groups.unified, "a/b")
    below.mkdir(parents=True)
    for group in (Path(groups.unified), below):
        (group / "cgroup.procs").write_text(str(sleeper.pid))
        assert groups.unified_of(sleeper.pid) == str(group)
    assert groups.processes() == [sleeper.pid]
    assert groups.unified_of(1 << 22) == groups.unified


def test_freeze_thaw_and_kill(groups, sleeper):
    groups.create({})
    Path(groups.unified, "cgroup.procs").write_text(str(sleeper.pid))
    assert groups.processes() == [sleeper.pid]
    groups.freeze()
    assert groups.is_frozen()
    sleeper.stdin.write(b"heard\n")
    assert not select.select([sleeper.stdout], [], [], 0.1)[0]
    groups.thaw()
    assert not groups.is_frozen()
    assert sleeper.stdout.read(6) == b"heard\n"
    groups.freeze()
    groups.kill()
    assert sleeper.wait(10) == -9


def test_a_group_that_is_gone_when_it_is_killed_has_nobody_to_kill(groups, monkeypatch):
    """As one of systemd's, which removes it as soon as it is empty."""
    groups.create({})
    write = files.write
    with monkeypatch.context() as patched:
        patched.setattr(files, "write", lambda *words: (Path(groups.unified).rmdir(), write(*words)))
        groups.kill()


def test_what_does_not_freeze_is_thawed_again(groups, monkeypatch):
    groups.create({})
    with monkeypatch.context() as patched, pytest.raises(CgroupError, match="can't be frozen"):
        patched.setattr(files, "await_event", lambda *_: False)
        groups.freeze()
    assert not groups.is_frozen()


def test_removal_awaits_the_last_process(groups, sleeper):
    groups.create({})
    Path(groups.unified, "cgroup.procs").write_text(str(sleeper.pid))
    ending = threading.Timer(0.2, sleeper.kill)
    ending.start()
    groups.remove()
    ending.join()
    assert not Path(groups.unified).exists()


def test_a_group_is_given_to_a_user(groups):
    groups.create({})
    groups.delegate(65534)
    owners = {
        name: Path(groups.unified, name).stat().st_uid for name in ("", "cgroup.procs", "cgroup.freeze")
    }
    assert owners == {"": 65534, "cgroup.procs": 65534, "cgroup.freeze": 0}


def test_a_user_makes_groups_below_a_delegated_one(groups, only_unified):
    groups.create({})
    groups.delegate(65534)
    code = f"""import os, sys; sys.path.insert(0, {PROJECT!r})
from runtime.cgroups import creation, device_program, manager, resources_v2
import ctypes, runtime.syscalls
creation.mounted = lambda: ([], {only_unified!r})
with open({groups.unified + "/cgroup.procs"!r}, "w") as file: file.write("0")
os.setresgid(65534, 65534, 65534)
os.setresuid(65534, 65534, 65534)
made = manager.for_container("", "id")
made.create({{"devices": [{{"allow": False}}]}})
print(made.unified)
made.remove()
try:
    made.create({{"pids": {{"limit": 5}}}})
except manager.CgroupError as error:
    print(error)
"""
    done = subprocess.run(
        [sys.executable, "-S", "-I", "-c", code], capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    path, refusal = done.stdout.splitlines()
    assert path == f"{groups.unified}/tarebox-oci/id"
    assert "no pids controller" in refusal
    assert list(Path(groups.unified).glob("*/")) == []


def test_a_vanished_group_is_waited_for_no_longer(tmp_path):
    assert files.await_event(str(tmp_path / "gone"), "populated", 0)
    assert list(files.below(str(tmp_path / "gone"))) == []


def test_marks_are_for_parents_of_ours(groups):
    groups.create({})
    parent = Path(groups.unified).parent
    assert tree.is_marked(str(parent))
    assert not tree.is_marked(groups.unified)
    assert not tree.is_marked(str(parent.parent.parent))
