"""The guest is what the other tests take it for."""

import os
from pathlib import Path

from guest_inside import inside, inside_as_user


def test_systemd_and_the_unified_hierarchy_are_there(guest):
    assert guest.check("systemctl", "is-system-running") == "running\n"
    assert guest.check("stat", "--file-system", "--format=%T", "/sys/fs/cgroup") == "cgroup2fs\n"


def test_a_command_has_a_status_and_output(guest):
    done = guest.run("sh", "-c", "echo out; echo err >&2; exit 3")
    assert (done.returncode, done.stdout, done.stderr) == (3, b"out\n", b"err\n")


@inside
def test_root_has_all_controllers():
    assert os.geteuid() == 0
    controllers = set(Path("/sys/fs/cgroup/cgroup.controllers").read_text().split())
    assert {"cpu", "cpuset", "hugetlb", "io", "memory", "pids", "rdma"} <= controllers


@inside_as_user
def test_a_user_has_a_delegated_group():
    assert os.geteuid() == 1000
    group = "/sys/fs/cgroup" + Path("/proc/self/cgroup").read_text().strip().removeprefix("0::")
    assert group.startswith("/sys/fs/cgroup/user.slice/user-1000.slice/user@1000.service/")
    assert {"cpu", "memory", "pids"} <= set(Path(group, "cgroup.controllers").read_text().split())
    assert os.access(f"{group}/cgroup.subtree_control", os.W_OK)
