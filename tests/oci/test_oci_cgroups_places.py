"""Where the control groups of an OCI container are, and who may have some."""

import subprocess
import sys
from pathlib import Path

import pytest

from runtime.cgroups import creation, hierarchy, manager
from runtime.errors import CgroupError

PROJECT = str(Path(__file__).parents[2])


def test_default_and_relative_paths_are_below_a_parent_of_ours():
    for path, below in (("", "id"), ("a/./b", "a/b"), ("/a//b/", "")):
        expected = f"/sys/fs/cgroup/pids/tarebox-oci/{below}" if below else "/sys/fs/cgroup/pids/a/b"
        assert manager.for_container(path, "id").paths["pids"] == expected


@pytest.mark.parametrize("path", ["/", "/a/../..", "..", "a\0b"])
def test_paths_without_a_group_of_their_own_are_refused(path):
    with pytest.raises(CgroupError, match="cgroupsPath"):
        manager.for_container(path, "id")


def test_mounts_inside_are_named_as_the_hierarchies(tmp_path, monkeypatch):
    mounts = [
        hierarchy.Hierarchy(str(tmp_path / name), controllers)
        for name, controllers in (
            ("both", ("cpu", "cpuacct")), ("memory", ("memory",)), ("systemd", ("name=systemd",)),
        )
    ]  # fmt: skip
    for mount in mounts:
        Path(mount.mountpoint).mkdir()
    monkeypatch.setattr(creation, "mounted", lambda: (mounts, ""))
    assert manager.for_container("/a", "id").shown == (
        [
            ("cpu,cpuacct", "cpu,cpuacct", f"{tmp_path}/both/a"),
            ("memory", "memory", f"{tmp_path}/memory/a"),
            ("systemd", "name=systemd", f"{tmp_path}/systemd/a"),
        ],
        [("cpu", "cpu,cpuacct"), ("cpuacct", "cpu,cpuacct")],
    )


def test_a_user_without_delegation_gets_no_groups_and_no_limits():
    code = f"""import os, sys; sys.path.insert(0, {PROJECT!r})
from runtime.cgroups import creation, manager
os.setresgid(65534, 65534, 65534)
os.setresuid(65534, 65534, 65534)
groups = manager.for_container("", "id")
groups.create({{"devices": [{{"allow": False}}], "memory": {{"limit": -1, "disableOOMKiller": False}}}})
assert (groups.version, groups.paths, groups.join, groups.unified) == (0, {{}}, (), "")
assert not groups.processes() and not groups.is_frozen()
groups.remove()
assert manager.load(groups.saved()).version == 0
for refused in (lambda: groups.create({{"pids": {{"limit": 5}}}}), groups.freeze, groups.stats, groups.kill):
    try:
        refused()
    except manager.CgroupError as error:
        print(error)
"""
    done = subprocess.run(
        [sys.executable, "-S", "-I", "-c", code], capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    lines = done.stdout.splitlines()
    assert len(lines) == 4
    assert "no write access to control groups" in lines[0]


def test_nothing_slow_is_imported():
    code = f"""import sys; sys.path.insert(0, {PROJECT!r})
from runtime.cgroups import (manager, detect, resources_v1, resources_v2, stats_v1, stats_v2, v1, v2, oom,
    protocol, device_program)
print(*sys.modules)"""
    done = subprocess.run(
        [sys.executable, "-S", "-I", "-c", code], capture_output=True, text=True, check=True
    )
    slow = {"dataclasses", "enum", "pathlib", "re", "subprocess", "typing", "json", "signal", "ctypes"}
    assert slow.isdisjoint(done.stdout.split())
