"""The control groups of an OCI container, on this host's real hierarchies."""

import json
import os
import select
import shutil
import subprocess
import threading
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest

from runtime import light
from runtime.cgroups import hierarchy, manager, tree
from runtime.cgroups.manager import Manager
from runtime.errors import CgroupError

MEBIBYTE = 1 << 20
Spawn = Callable[..., subprocess.Popen[bytes]]


@pytest.fixture
def parent() -> Iterator[str]:
    """A name of our own for groups at the top of every hierarchy, none of which may be left."""
    name = f"tareoci{os.urandom(4).hex()}"
    yield name
    assert [str(path) for path in Path("/sys/fs/cgroup").glob(f"*/{name}")] == []


@pytest.fixture
def groups(parent) -> Iterator[Manager]:
    made = manager.for_container(f"/{parent}/one", "unused")
    yield made
    made.kill()
    made.remove()


@pytest.fixture
def spawn() -> Iterator[Spawn]:
    """Starts a shell command in a container's groups and ends it in the end."""
    with ExitStack() as stack:

        def started(groups: Manager, script: str) -> subprocess.Popen[bytes]:
            joins = [*groups.join, f"{groups.unified}/cgroup.procs"]
            code = "".join(f"echo 0 > {path}\n" for path in joins) + f"echo in\n{script}"
            process = stack.enter_context(
                subprocess.Popen(["sh", "-c", code], stdin=subprocess.PIPE, stdout=subprocess.PIPE, bufsize=0)
            )
            stack.callback(process.kill)
            assert process.stdout.readline() == b"in\n"
            return process

        yield started


def value(groups: Manager, controller: str, name: str) -> str:
    return Path(groups.paths[controller], name).read_text().strip()


def test_a_process_is_in_every_hierarchy(groups, parent, spawn):
    groups.create({})
    process = spawn(groups, "exec sleep 60")
    lines = Path(f"/proc/{process.pid}/cgroup").read_text().splitlines()
    assert {line.split(":", 2)[2] for line in lines} == {f"/{parent}/one"}
    assert groups.version == 1
    assert set(groups.paths) == {controller for line in lines for controller in line.split(":")[1].split(",")}
    assert groups.processes() == [process.pid]


def test_processes_of_groups_below_count(groups, spawn):
    groups.create({})
    process = spawn(groups, "exec sleep 60")
    for path in groups.paths.values():
        below = Path(path, "below")
        below.mkdir()
        if "cpuset" in path:
            tree.fill_cpuset(str(below))
        (below / "cgroup.procs").write_text(str(process.pid))
    assert groups.processes() == [process.pid]


def test_limits_are_set(groups):
    groups.create(
        {
            "memory": {
                "limit": 64 * MEBIBYTE, "swap": 96 * MEBIBYTE, "reservation": 32 * MEBIBYTE, "swappiness": 0,
                "kernelTCP": 16 * MEBIBYTE, "disableOOMKiller": False, "useHierarchy": True,
            },
            "cpu": {
                "shares": 512, "quota": 50000, "period": 200000, "burst": 10000, "idle": 0, "cpus": "0",
                "mems": "0",
            },
            "pids": {"limit": 20},
            "blockIO": {
                "weight": 500,
                "throttleReadBpsDevice": [{"major": 254, "minor": 0, "rate": 1000000}],
                "throttleWriteIOPSDevice": [{"major": 254, "minor": 0, "rate": 500}],
            },
        }
    )  # fmt: skip
    expected = {
        ("memory", "memory.limit_in_bytes"): 64 * MEBIBYTE,
        ("memory", "memory.memsw.limit_in_bytes"): 96 * MEBIBYTE,
        ("memory", "memory.soft_limit_in_bytes"): 32 * MEBIBYTE,
        ("memory", "memory.kmem.tcp.limit_in_bytes"): 16 * MEBIBYTE,
        ("memory", "memory.swappiness"): 0,
        ("cpu", "cpu.shares"): 512,
        ("cpu", "cpu.cfs_quota_us"): 50000,
        ("cpu", "cpu.cfs_period_us"): 200000,
        ("cpu", "cpu.cfs_burst_us"): 10000,
        ("cpuset", "cpuset.cpus"): 0,
        ("pids", "pids.max"): 20,
    }
    assert {place: int(value(groups, *place)) for place in expected} == expected
    assert value(groups, "blkio", "blkio.throttle.read_bps_device") == "254:0 1000000"
    assert value(groups, "blkio", "blkio.throttle.write_iops_device") == "254:0 500"
    assert value(groups, "blkio", "blkio.bfq.weight") == "500"


def test_limits_that_depend_on_each_other_grow_and_shrink(groups):
    groups.create({"memory": {"limit": 64 * MEBIBYTE, "swap": 64 * MEBIBYTE}, "cpu": {"quota": 50000}})
    for size in (128, 32, -1, 64):
        limit = size * MEBIBYTE if size > 0 else size
        groups.update({"memory": {"limit": limit, "swap": limit}})
        for name in ("memory.limit_in_bytes", "memory.memsw.limit_in_bytes"):
            assert size < 0 or int(value(groups, "memory", name)) == limit
    for quota, burst in ((90000, 80000), (20000, 10000), (-1, 0)):
        groups.update({"cpu": {"quota": quota, "burst": burst}})
        assert int(value(groups, "cpu", "cpu.cfs_quota_us")) == quota
        assert int(value(groups, "cpu", "cpu.cfs_burst_us")) == burst
    groups.update({"cpu": {"shares": 100, "idle": 1}})
    groups.update({"cpu": {"shares": 200, "idle": 0}})
    assert value(groups, "cpu", "cpu.shares") == "200"


def test_a_memory_limit_lifted_lifts_that_of_swap_too(groups):
    groups.create({"memory": {"limit": 64 * MEBIBYTE, "swap": 64 * MEBIBYTE}})
    groups.update({"memory": {"limit": -1}})
    assert int(value(groups, "memory", "memory.memsw.limit_in_bytes")) > 1 << 60


@pytest.mark.parametrize(
    ("resources", "said"),
    [
        ({"hugepageLimits": [{"pageSize": "2MB", "limit": 0}]}, "no hugetlb controller"),
        ({"network": {"classID": 7}}, "no net_cls controller"),
        ({"network": {"priorities": [{"name": "lo", "priority": 1}]}}, "no net_prio controller"),
        ({"rdma": {"mlx5_1": {"hcaHandles": 3}}}, "no rdma controller"),
        ({"unified": {"memory.high": "1"}}, "version 2"),
        ({"cpu": {"quota": 5}}, "write 5 to .*cpu.cfs_quota_us: Invalid argument"),
        ({"cpu": {"cpus": "0-4000"}}, "cpuset.cpus"),
        ({"memory": {"swappiness": 101}}, "swappiness 101"),
        ({"memory": {"limit": 2 * MEBIBYTE, "swap": MEBIBYTE}}, "memsw"),
        ({"pids": {"limit": 1 << 60}}, "pids.max"),
        ({"blockIO": {"leafWeight": 10}}, "blkio.leaf_weight"),
        ({"blockIO": {"throttleReadBpsDevice": [{"major": 4000, "minor": 1, "rate": 1}]}}, "No such device"),
    ],
)
def test_what_is_refused_leaves_no_group(parent, resources, said):
    with pytest.raises(CgroupError, match=said):
        manager.for_container(f"/{parent}/one", "unused").create(resources)


def test_what_is_not_set_needs_no_controller(groups):
    groups.create(
        {
            "memory": {"limit": 0}, "cpu": {"shares": 0, "quota": 0}, "pids": {"limit": 0},
            "network": {"classID": 0}, "rdma": {}, "hugepageLimits": [], "unified": {}, "unknown": 1,
        }
    )  # fmt: skip
    assert value(groups, "pids", "pids.max") == "max"


def test_devices_are_denied_but_for_the_usual_and_the_given(groups, spawn, tmp_path):
    groups.create(
        {
            "devices": [
                {"allow": False, "access": "rwm"},
                {"allow": True, "type": "c", "major": 1, "minor": 11, "access": "r"},
            ]
        }
    )
    os.mknod(tmp_path / "kmsg", 0o666 | 0o020000, os.makedev(1, 11))
    os.mknod(tmp_path / "disk", 0o666 | 0o060000, os.makedev(254, 0))
    script = f"""cd {tmp_path}; exec 2> /dev/null
        true < kmsg && echo kmsg; true > kmsg || echo readonly; true < disk || echo nodisk
        true > /dev/null && mknod made b 7 3 && echo made"""
    process = spawn(groups, script)
    assert process.communicate()[0].split() == [b"kmsg", b"readonly", b"nodisk", b"made"]


def test_all_devices_are_allowed_when_the_rules_say_so(groups):
    groups.create({"devices": [{"allow": True, "access": "rwm"}]})
    assert value(groups, "devices", "devices.list") == "a *:* rwm"
    groups.update({"devices": [{"allow": False}]})
    assert value(groups, "devices", "devices.list") == "a *:* rwm"


def test_what_was_there_before_stays(parent, groups):
    _, unified = hierarchy.mounted()
    there = [Path(unified, parent), Path("/sys/fs/cgroup/pids", parent)]
    try:
        there[0].mkdir()
        there[1].mkdir()
        (there[1] / "one").mkdir()
        groups.create({})
        groups.remove()
        assert all(path.exists() for path in [*there, there[1] / "one"])
        assert not Path("/sys/fs/cgroup/memory", parent).exists()
        assert not (there[0] / "one").exists()
    finally:
        for path in [there[1] / "one", *there]:
            path.rmdir()


def test_the_last_one_out_removes_the_parents(parent):
    first, second = (manager.for_container(f"/{parent}/a/b/{name}", "unused") for name in ("1", "2"))
    first.create({})
    second.create({})
    first.remove()
    assert Path("/sys/fs/cgroup/memory", parent, "a/b/2").exists()
    second.remove()


def test_neighbours_come_and_go_at_the_same_time(parent):
    failures = []

    def come_and_go(name: str) -> None:
        try:
            for _ in range(40):
                groups = manager.for_container(f"/{parent}/a/{name}", "unused")
                groups.create({"pids": {"limit": 5}})
                groups.remove()
        except CgroupError as error:
            failures.append(error)

    threads = [threading.Thread(target=come_and_go, args=(str(number),)) for number in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert failures == []


def test_a_group_in_use_is_refused(groups, spawn, parent):
    groups.create({})
    process = spawn(groups, "exec sleep 60")
    with pytest.raises(CgroupError, match="in use"):
        manager.for_container(f"/{parent}/one", "unused").create({})
    assert groups.processes() == [process.pid]


def test_a_frozen_group_is_refused(groups, parent):
    groups.create({})
    groups.freeze()
    with pytest.raises(CgroupError, match="in use"):
        manager.for_container(f"/{parent}/one", "unused").create({})
    groups.thaw()


def test_what_a_dead_creator_left_is_taken_over(parent):
    manager.for_container(f"/{parent}/one", "unused").create({})
    again = manager.for_container(f"/{parent}/one", "unused")
    again.create({"pids": {"limit": 5}})
    again.remove()
    manager.for_container(f"/{parent}/two", "unused").create({})
    manager.for_container(f"/{parent}/two", "unused").remove()


def test_freeze_and_thaw(groups, spawn):
    groups.create({})
    process = spawn(groups, "while read line; do echo $line; done")
    groups.freeze()
    assert groups.is_frozen()
    process.stdin.write(b"heard\n")
    process.stdin.flush()
    assert not select.select([process.stdout], [], [], 0.1)[0]
    groups.thaw()
    assert not groups.is_frozen()
    assert process.stdout.readline() == b"heard\n"


@pytest.mark.parametrize("without", [(), ("",), ("", "freezer")])
def test_kill_ends_all_also_frozen_ones(groups, spawn, without):
    groups.create({})
    process = spawn(groups, "sleep 60 & sleep 60 & wait")
    if "freezer" not in without:
        groups.freeze()
    seen = Manager(1, {name: path for name, path in groups.paths.items() if name not in without}, made=())
    seen.kill()
    assert process.wait(10) == -9
    groups.remove()
    assert groups.processes() == []


def test_removal_waits_for_the_killed_and_refuses_the_living(groups, spawn, monkeypatch):
    groups.create({})
    spawn(groups, "exec sleep 60")
    with monkeypatch.context() as patched:
        patched.setattr(tree, "_PATIENCE", 2)
        patched.setattr("runtime.cgroups.files.EVENT_TIMEOUT", 0.01)
        with pytest.raises(CgroupError, match="still has processes"):
            groups.remove()
    groups.kill()
    groups.remove()


def test_the_living_are_noticed_also_without_events(groups, spawn, monkeypatch):
    groups.create({})
    process = spawn(groups, "exec sleep 60")
    monkeypatch.setattr(tree, "_PATIENCE", 2)
    with pytest.raises(CgroupError, match="remove .*: Device or resource busy"):
        tree.remove(groups.paths["pids"])
    threading.Timer(0.1, process.kill).start()
    monkeypatch.setattr(tree, "_PATIENCE", 12)
    tree.remove(groups.paths["pids"])


def test_oom_kills_are_told(groups, spawn):
    groups.create({"memory": {"limit": 8 * MEBIBYTE, "swap": 8 * MEBIBYTE}})
    with groups.watch_oom() as watch:
        assert watch.event(0) == ""
        process = spawn(groups, "read line; head -c 100M /dev/zero | tail -c 100M")
        process.communicate(b"\n", timeout=30)
        assert process.returncode == 137
        events = list(watch)
        assert events
        assert set(events) == {"oom"}


def test_the_end_of_the_groups_is_told(groups):
    groups.create({})
    with groups.watch_oom() as watch:
        assert not select.select([watch.fileno()], [], [], 0)[0]
        groups.remove()
        assert select.select([watch.fileno()], [], [], 10)[0]
        assert list(watch) == []


def test_it_survives_being_saved(groups, spawn):
    groups.create({})
    process = spawn(groups, "exec sleep 60")
    loaded = manager.load(json.loads(json.dumps(groups.saved())))
    assert (loaded.paths, loaded.join, loaded.unified) == (groups.paths, groups.join, groups.unified)
    assert loaded.processes() == [process.pid]
    loaded.kill()
    process.wait()
    loaded.remove()
    assert loaded.processes() == []
    assert not loaded.is_frozen()
    with pytest.raises(CgroupError):
        loaded.stats()


def test_statistics_have_the_form_of_runc_s(bundle, oci, parent):
    """Every section and key that runc prints for the same groups, with values of the same type."""
    oci.program = shutil.which("runc")
    bundle.linux["cgroupsPath"] = f"/{parent}/one"
    bundle.resources.update(memory={"limit": 64 * MEBIBYTE}, pids={"limit": 20})
    oci.running(bundle)
    oci.ok("pause", oci.name)
    theirs = json.loads(oci.ok("events", "--stats", oci.name))["data"]
    ours = json.loads(light.dumps(manager.for_container(f"/{parent}/one", "unused").stats()))
    oci.delete(oci.name, "--force")
    for path in Path("/sys/fs/cgroup").glob(f"*/{parent}"):
        path.rmdir()
    assert shape(ours) == shape(theirs)
    assert ours["memory"]["usage"]["limit"] == theirs["memory"]["usage"]["limit"]
    for section, key in (("pids", "limit"), ("cpuset", "cpus")):
        assert ours[section][key] == theirs[section][key]


def shape(value):
    if isinstance(value, dict):
        return {key: shape(each) for key, each in value.items()}
    return type(value)
