"""The groups of OCI containers on the unified hierarchy: each limit is felt by what it limits."""

import os
import select
import time
from pathlib import Path

from guest_groups import ROOT, device_number, group, inhabitant, keyed, output, own_group, value
from guest_inside import inside, inside_as_user, refused

from runtime.cgroups import manager

HOG = ("python3", "-S", "-c", "input(); b'x' * (64 << 20)")
SPIN = ("sh", "-c", "while :; do :; done")


@inside
def test_values_arrive_in_the_files():
    resources = {
        "memory": {"limit": 64 << 20, "reservation": 32 << 20, "swap": 96 << 20},
        "cpu": {
            "shares": 1024,
            "quota": 50_000,
            "period": 200_000,
            "burst": 1000,
            "cpus": "0-1",
            "mems": "0",
        },
        "pids": {"limit": 17},
        "hugepageLimits": [{"pageSize": "2MB", "limit": 4 << 20}],
        "unified": {"memory.high": str(48 << 20), "cgroup.max.descendants": "3"},
    }
    written = {
        "memory.max": str(64 << 20),
        "memory.low": str(32 << 20),
        "cpu.weight": "100",
        "cpu.max": "50000 200000",
        "cpu.max.burst": "1000",
        "cpuset.cpus": "0-1",
        "cpuset.mems": "0",
        "pids.max": "17",
        "hugetlb.2MB.max": str(4 << 20),
        "memory.high": str(48 << 20),
        "cgroup.max.descendants": "3",
    }
    with group(resources) as made:
        assert {name: value(made, name) for name in written} == written


@inside
def test_the_memory_limit_kills_and_the_watch_tells():
    with group({"memory": {"limit": 16 << 20}}) as made, made.watch_oom() as watch:
        with inhabitant(made, *HOG) as process:
            process.communicate(b"\n")
        assert process.returncode == -9
        assert list(watch) == ["oom"]
        assert keyed(made, "memory.events")["oom_kill"] == 1


@inside
def test_an_update_below_the_usage_is_refused_on_request():
    hog = ("python3", "-S", "-c", "held = b'x' * (32 << 20); print(flush=True); input()")
    with group() as made, inhabitant(made, *hog) as process:
        process.stdout.readline()
        with refused("memory"):
            made.update({"memory": {"limit": 8 << 20, "checkBeforeUpdate": True}})
        made.update({"memory": {"limit": 128 << 20}})
        assert value(made, "memory.max") == str(128 << 20)
        made.update({"memory": {"limit": -1}})
        assert value(made, "memory.max") == "max"


@inside
def test_the_processor_limit_holds():
    with group({"cpu": {"quota": 10_000}}) as made, inhabitant(made, *SPIN):
        before = time.monotonic()
        while keyed(made, "cpu.stat")["nr_throttled"] < 5:
            select.select([], [], [], 0.1)
        used, passed = keyed(made, "cpu.stat")["usage_usec"] / 1e6, time.monotonic() - before
        assert used < passed / 2


@inside
def test_the_process_limit_holds():
    with group({"pids": {"limit": 3}}) as made:
        assert "Cannot fork" in output(made, "for i in 1 2 3; do sleep 9 > /dev/null 2>&1 & done")[-1]
        assert keyed(made, "pids.events")["max"] > 0


@inside
def test_writing_is_throttled():
    major, minor = device_number("/dev/vda")
    device = {"major": major, "minor": minor}
    limits = {"throttleWriteBpsDevice": [device | {"rate": 4 << 20}], "weight": 100}
    with group({"blockIO": limits}) as made:
        assert value(made, "io.max") == f"{major}:{minor} rbps=max wbps={4 << 20} riops=max wiops=max"
        before = time.monotonic()
        output(made, "dd if=/dev/zero of=/var/tmp/written bs=1M count=6 oflag=direct; rm /var/tmp/written")
        assert time.monotonic() - before > 1
        made.update({"blockIO": {"throttleWriteBpsDevice": [device | {"rate": 0}]}})
        assert value(made, "io.max") == ""


@inside
def test_devices_are_refused_and_allowed_by_the_last_rule_that_matches():
    major, _ = device_number("/dev/vda")
    rules = [
        {"allow": False, "access": "rwm"},
        {"allow": True, "type": "b", "major": major, "access": "r"},
        {"allow": True, "type": "c", "major": 1, "minor": 11, "access": "rw"},
        {"allow": False, "type": "c", "major": 1, "minor": 11, "access": "w"},
    ]
    attempts = {
        "head -c 1 /dev/vda": True,
        ": >> /dev/vda": False,
        "mknod /var/tmp/node b 7 0 && rm /var/tmp/node": True,
        "head -c 1 /dev/urandom": True,
        ": >> /dev/null": True,
        ": < /dev/kmsg": True,
        ": > /dev/kmsg": False,
        ": < /dev/vport0p1": False,
    }
    with group({"devices": rules}) as made:
        for attempt, allowed in attempts.items():
            said = output(made, f"({attempt}) > /dev/null && echo done")
            assert (said == ["done"]) == allowed, (attempt, said)


@inside
def test_without_a_deny_rule_all_devices_are_as_listed():
    with group({"devices": [{"allow": True, "access": "rwm"}]}) as made:
        assert output(made, "head -c 1 /dev/vda > /dev/null && echo done") == ["done"]


@inside
def test_freezing_stops_and_thawing_continues():
    with group() as made, inhabitant(made, "sh", "-c", "while read line; do echo $line; done") as process:
        made.freeze()
        assert made.is_frozen()
        process.stdin.write(b"word\n")
        process.stdin.flush()
        assert select.select([process.stdout], [], [], 0.5)[0] == []
        made.thaw()
        assert not made.is_frozen()
        assert process.stdout.readline() == b"word\n"


@inside
def test_all_are_killed_at_once_even_frozen():
    with group() as made, inhabitant(made, "sh", "-c", "sleep 99 & sleep 99 & echo; wait") as process:
        process.stdout.readline()
        assert len(made.processes()) == 3
        made.freeze()
        made.kill()
        assert process.wait(10) == -9


@inside
def test_processes_below_count_as_the_containers():
    with group() as made, inhabitant(made, "cat") as process:
        below = Path(made.unified, "below")
        below.mkdir()
        (below / "cgroup.procs").write_text(str(process.pid))
        assert made.processes() == [process.pid]


@inside
def test_statistics_tell_what_is_used():
    with group({"memory": {"limit": 64 << 20}, "pids": {"limit": 9}}) as made, inhabitant(made, *SPIN):
        while not keyed(made, "cpu.stat")["usage_usec"]:
            pass
        data = made.stats()
        assert data["pids"] == {"current": 1, "limit": 9}
        assert data["memory"]["usage"]["limit"] == 64 << 20
        assert 0 < data["memory"]["usage"]["usage"] < 64 << 20
        assert data["cpu"]["usage"]["total"] > 0


@inside
def test_what_was_saved_is_found_again():
    made = manager.for_container("/tests/one", "one")
    made.create({"pids": {"limit": 9}})
    again = manager.load(made.saved())
    assert value(again, "pids.max") == "9"
    again.remove()
    assert not (ROOT / "tests").exists()


@inside
def test_what_version_2_has_no_word_for_is_refused():
    for resources in (
        {"cpu": {"realtimeRuntime": 9}},
        {"network": {"classID": 9}},
        {"unified": {"no.such": "1"}},
    ):
        with refused("counterpart|no"):
            manager.for_container("/tests/one", "one").create(resources)
        assert not (ROOT / "tests").exists()


@inside
def test_a_group_in_use_is_refused():
    with group() as made, inhabitant(made, "cat"), refused("in use"):
        manager.for_container("/tests/one", "one").create({})


@inside_as_user
def test_a_user_has_limits_where_their_group_is_delegated():
    made = manager.for_container("", "mine")
    made.create({"memory": {"limit": 16 << 20}, "pids": {"limit": 9}})
    try:
        assert made.unified.startswith(own_group().rpartition("/")[0])
        assert (value(made, "memory.max"), value(made, "pids.max")) == (str(16 << 20), "9")
        with inhabitant(made, *HOG) as process:
            process.communicate(b"\n")
        assert process.returncode == -9
    finally:
        made.remove()


@inside
def test_a_user_without_delegation_gets_no_group_or_an_error():
    os.setgid(1000)
    os.setuid(1000)
    manager.for_container("", "mine").create({})
    with refused("control group"):
        manager.for_container("", "mine").create({"pids": {"limit": 9}})
