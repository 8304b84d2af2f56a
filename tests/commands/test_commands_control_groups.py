"""What a container sees of its control groups, and what they allow it, on both of their versions."""

import json
import subprocess
from collections.abc import Callable

import pytest

ONCE = ("run", "--rm", "--network", "none")
TOP = "/sys/fs/cgroup"
_ONLY_VERSION_2 = (
    'mount --make-rprivate / && umount -l /sys/fs/cgroup && mount -t cgroup2 none /sys/fs/cgroup && exec "$@"'
)


@pytest.fixture
def on_version_2(program, environment, state) -> Callable[..., "subprocess.CompletedProcess[str]"]:
    """Runs `tarebox` on a host that has nothing but version 2, if without controllers."""

    def called(*arguments: str) -> "subprocess.CompletedProcess[str]":
        command = ("unshare", "--mount", "sh", "-c", _ONLY_VERSION_2, "sh", *program, *arguments)
        options = {"env": environment, "input": "", "text": True, "timeout": 60}
        return subprocess.run(command, capture_output=True, check=False, **options)

    return called


@pytest.mark.parametrize("namespace", ["private", "host"])
def test_its_own_limits_can_be_read_and_not_be_written(said, tarebox, namespace):
    limits = ("--memory", "64m", "--pids-limit", "50", "--cgroupns", namespace)
    files = ("memory/memory.limit_in_bytes", "pids/pids.max")
    shown = said(*ONCE, *limits, "busybox", "cat", *(f"{TOP}/{file}" for file in files))
    assert shown.split() == [str(64 << 20), "50"]
    write = f"echo 1 > {TOP}/pids/pids.max; mkdir {TOP}/pids/one; mkdir {TOP}/one; grep pids /proc/1/cgroup"
    ended = tarebox(*ONCE, *limits, "busybox", "sh", "-c", write)
    assert ended.stderr.count("Read-only file system") == 3
    assert ended.stdout.rstrip().endswith(":/") == (namespace == "private")


def test_a_privileged_one_makes_groups_of_its_own(said):
    make = f"mkdir {TOP}/pids/one && rmdir {TOP}/pids/one"
    assert said(*ONCE, "--privileged", "busybox", "sh", "-c", make) == ""


def test_a_mount_of_ones_own_goes_before_it(said, tmp_path):
    (tmp_path / "own").mkdir()
    (tmp_path / "own/mine").touch()
    assert said(*ONCE, "-v", f"{tmp_path}/own:{TOP}", "busybox", "ls", TOP) == "mine"


@pytest.mark.parametrize("namespace", ["private", "host"])
def test_its_own_group_is_shown_on_version_2(on_version_2, namespace):
    count = f"ls {TOP} | grep -c '^tare'; wc -l < {TOP}/cgroup.procs; echo 0 > {TOP}/cgroup.procs"
    ended = on_version_2(*ONCE, "--cgroupns", namespace, "busybox", "sh", "-c", count)
    assert "Read-only file system" in ended.stderr
    groups, processes = map(int, ended.stdout.split())
    if namespace == "private":
        assert (groups, processes) == (0, 2)
    else:
        assert groups


def test_the_rules_for_devices_hold_on_version_2(on_version_2):
    open_it = "(exec 3</dev/fuse) && echo read; (exec 3>/dev/fuse) && echo written; true"
    ended = on_version_2(*ONCE, "--device", "/dev/fuse:/dev/fuse:r", "busybox", "sh", "-c", open_it)
    assert (ended.stdout, ended.stderr.count("Operation not permitted")) == ("read\n", 1)
    make_it = f"mknod /dev/fuse c 10 229; {open_it}"
    ended = on_version_2(*ONCE, "busybox", "sh", "-c", make_it)
    assert (ended.stdout, ended.stderr.count("Operation not permitted")) == ("", 2)
    ended = on_version_2(*ONCE, "--privileged", "busybox", "sh", "-c", open_it)
    assert ended.stdout == "read\nwritten\n"


def test_devices_can_be_used_by_a_rule_on_version_1(said, tarebox, fault):
    open_it = (
        "mknod /dev/fuse c 10 229; (exec 3</dev/fuse) && echo read; (exec 3>/dev/fuse) && echo written; true"
    )
    rules = ("--device-cgroup-rule", "c 10:229 r", "--device-cgroup-rule", "b *:* m")
    ended = tarebox("run", "--name", "one", "--network", "none", *rules, "busybox", "sh", "-c", open_it)
    assert (ended.stdout, ended.stderr.count("Operation not permitted")) == ("read\n", 1)
    host = json.loads(said("inspect", "one"))[0]["HostConfig"]
    assert host["DeviceCgroupRules"] == ["c 10:229 r", "b *:* m"]
    for rule in ("a *:* rwm", "c 10:* rw"):
        assert said(*ONCE, "--device-cgroup-rule", rule, "busybox", "sh", "-c", open_it) == "read\nwritten"
    for wrong in ("c 10:229", "d 1:2 r", "c 1 r", "c 1:2 x"):
        line = fault(125, *ONCE, "--device-cgroup-rule", wrong, "busybox", "true")
        assert f"invalid device cgroup format '{wrong}'" in line


def test_devices_can_be_used_by_a_rule_on_version_2(on_version_2):
    open_it = (
        "mknod /dev/fuse c 10 229; (exec 3</dev/fuse) && echo read; (exec 3>/dev/fuse) && echo written; true"
    )
    ended = on_version_2(*ONCE, "--device-cgroup-rule", "c 10:229 r", "busybox", "sh", "-c", open_it)
    assert (ended.stdout, ended.stderr.count("Operation not permitted")) == ("read\n", 1)
