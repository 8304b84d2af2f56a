"""`tarebox-oci` with control groups of version 2, of its own and of systemd's."""

import json
import os
import subprocess
from pathlib import Path

from guest_inside import inside, inside_as_user
from guest_oci import NAME, Oci, map_ids, oci

LIMITS = {"memory": {"limit": 64 << 20}, "pids": {"limit": 20}, "cpu": {"shares": 2048}}
SYSTEMD = "--systemd-cgroup"
LOOK = "cd /sys/fs/cgroup; cat /proc/self/cgroup memory.max pids.max; echo 1 2> /dev/null > pids.max"
HOG = "dd if=/dev/zero of=/dev/null bs=40M count=1"


def group_of(pid: int) -> Path:
    return Path("/sys/fs/cgroup" + Path(f"/proc/{pid}/cgroup").read_text().strip().removeprefix("0::"))


def unit(name: str) -> dict[str, str]:
    who = ("--user",) if os.geteuid() else ()
    command = ("systemctl", *who, "show", name, "--property=LoadState,MemoryMax,TasksMax,CPUWeight,Slice")
    output = subprocess.run(command, capture_output=True, text=True, check=True).stdout
    return dict(line.split("=", 1) for line in output.splitlines())


def sees_its_limits(one: Oci, *, mapped: bool = False) -> None:
    bundle = one.bundle("sh", "-c", LOOK)
    bundle.resources.update(LIMITS)
    if mapped:
        map_ids(bundle)
    done = one.ran(bundle)
    assert (done.returncode, done.stdout.split()) == (1, ["0::/", str(64 << 20), "20"])


def is_killed_by_its_limit(one: Oci, *, mapped: bool = False) -> None:
    bundle = one.bundle("sh", "-c", HOG)
    bundle.resources["memory"] = {"limit": 16 << 20}
    if mapped:
        map_ids(bundle)
    assert one.ran(bundle).returncode == 137


def goes_through_its_life(one: Oci, *, mapped: bool = False) -> Path:
    """Each command on one container, which is left running; its group."""
    bundle = one.bundle("sh", "-c", "while :; do sleep 0.1; done")
    bundle.resources.update(LIMITS)
    if mapped:
        map_ids(bundle)
    group = group_of(one.started(bundle))
    assert (group / "memory.max").read_text() == f"{64 << 20}\n"
    assert one.ok("exec", NAME, "cat", "/proc/self/cgroup") == "0::/\n"
    one.ok("pause", NAME)
    assert json.loads(one.ok("state", NAME))["status"] == "paused"
    assert (group / "cgroup.freeze").read_text() == "1\n"
    one.ok("resume", NAME)
    one.ok(
        "update",
        "--resources",
        "-",
        NAME,
        text=json.dumps({"memory": {"limit": 48 << 20}, "pids": {"limit": 9}}),
    )
    assert [(group / name).read_text() for name in ("memory.max", "pids.max")] == [f"{48 << 20}\n", "9\n"]
    assert json.loads(one.ok("events", "--stats", NAME))["data"]["pids"]["limit"] == 9
    assert len(json.loads(one.ok("ps", "--format", "json", NAME))) > 0
    return group


@inside
def test_a_container_sees_its_limits():
    with oci() as one:
        sees_its_limits(one)


@inside
def test_a_container_of_systemds_sees_its_limits():
    with oci(SYSTEMD) as one:
        sees_its_limits(one)


@inside
def test_the_memory_limit_kills():
    with oci() as one:
        is_killed_by_its_limit(one)


@inside
def test_the_memory_limit_of_systemd_kills():
    with oci(SYSTEMD) as one:
        is_killed_by_its_limit(one)


@inside
def test_a_whole_life():
    with oci() as one:
        assert goes_through_its_life(one) == Path("/sys/fs/cgroup/tarebox-oci", NAME)


@inside
def test_a_whole_life_under_systemd():
    with oci(SYSTEMD) as one:
        group = goes_through_its_life(one)
        assert group == Path(f"/sys/fs/cgroup/system.slice/tarebox-{NAME}.scope")
        assert unit(group.name) == {
            "LoadState": "loaded",
            "MemoryMax": str(48 << 20),
            "TasksMax": "9",
            "CPUWeight": "174",
            "Slice": "system.slice",
        }
        one.ok("kill", NAME, "KILL")
        one.ok("delete", "--force", NAME)
        assert unit(group.name)["LoadState"] == "not-found"


@inside
def test_systemd_takes_slice_prefix_and_name_and_one_process():
    with oci(SYSTEMD) as one:
        bundle = one.bundle("sleep", "60")
        bundle.linux["cgroupsPath"] = "machine-test.slice:pod:box"
        bundle.resources["pids"] = {"limit": 1}
        group = group_of(one.started(bundle))
        assert group == Path("/sys/fs/cgroup/machine.slice/machine-test.slice/pod-box.scope")
        assert (group / "pids.max").read_text() == "1\n"
        assert (group / "cgroup.procs").read_text().split() == one.ok("ps", "--format", "json", NAME).strip(
            "[]\n"
        ).split(",")


@inside
def test_daemon_reload_leaves_device_rules_and_limits():
    with oci(SYSTEMD) as one:
        bundle = one.bundle("sh", "-c", "while :; do sleep 0.1; done")
        bundle.resources.update(LIMITS)
        group = group_of(one.started(bundle))
        subprocess.run(("systemctl", "daemon-reload"), check=True)
        assert (group / "memory.max").read_text() == f"{64 << 20}\n"
        bundle.process["capabilities"] = {}
        done = one.run(
            "exec", "--cap", "CAP_MKNOD", NAME, "sh", "-c", "mknod /dev/vda b 254 0 && cat /dev/vda"
        )
        assert "Operation not permitted" in done.stdout


@inside_as_user
def test_a_users_container_sees_its_limits():
    with oci() as one:
        sees_its_limits(one, mapped=True)


@inside_as_user
def test_the_memory_limit_of_a_users_container_kills():
    with oci() as one:
        is_killed_by_its_limit(one, mapped=True)


@inside_as_user
def test_a_users_container_has_a_whole_life():
    with oci() as one:
        assert "user@1000.service" in str(goes_through_its_life(one, mapped=True))


@inside_as_user
def test_a_users_container_has_a_whole_life_under_systemd():
    with oci(SYSTEMD) as one:
        group = goes_through_its_life(one, mapped=True)
        assert group.name == f"tarebox-{NAME}.scope"
        assert unit(group.name)["MemoryMax"] == str(48 << 20)


@inside_as_user
def test_a_user_has_subordinate_ids():
    with oci() as one:
        bundle = one.bundle("cat", "/proc/self/uid_map", "/proc/self/gid_map")
        map_ids(bundle)
        assert one.ran(bundle).stdout.split() == ["0", "1000", "1", "1", "100000", "1000"] * 2


@inside
def test_a_user_without_a_group_of_their_own_runs_what_needs_none():
    os.setgroups([])
    os.setgid(1000)
    os.setuid(1000)
    with oci() as one:
        bundle = one.bundle("true")
        map_ids(bundle)
        bundle.unmount("/sys/fs/cgroup")
        assert one.ran(bundle).returncode == 0
        bundle.resources.update(LIMITS)
        assert "control group" in one.ran(bundle).stdout
