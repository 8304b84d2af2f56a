import errno
import os
from pathlib import Path

import pytest

from runtime import Limits
from runtime.cgroups import detect, device_program, device_rules, files
from runtime.cgroups.none import DriverNone
from runtime.cgroups.protocol import Hierarchy
from runtime.cgroups.v1 import DriverV1
from runtime.cgroups.v2 import DriverV2
from runtime.errors import CgroupError

LINE = "{id} 24 0:{id} / {mountpoint} rw,relatime shared:{id} - {kind} cgroup {options}"


def mountinfo(*mounts: tuple[str, Path, str]) -> str:
    return "\n".join(
        LINE.format(id=number, kind=kind, mountpoint=str(mountpoint).replace(" ", "\\040"), options=options)
        for number, (kind, mountpoint, options) in enumerate(mounts, 30)
    )


@pytest.fixture
def unified(tmp_path) -> Path:
    """A made-up version 2 tree; ordinary files take what is written."""
    top = tmp_path / "unified tree"
    top.mkdir()
    (top / "cgroup.controllers").write_text("cpu memory pids io\n")
    (top / "cgroup.subtree_control").write_text("")
    return top


def test_version_2_is_found_and_used(unified, monkeypatch):
    driver = detect.driver("tarex", mountinfo(("cgroup2", unified, "rw,nsdelegate")))
    assert isinstance(driver, DriverV2)
    assert driver.unified
    assert driver.controllers == {"cpu", "memory", "pids", "io"}
    parent = unified / "tarex"
    assert driver.parents() == (str(parent),)
    parent.mkdir()
    (parent / "cgroup.subtree_control").write_text("")
    driver.prepare()
    for directory in (unified, parent):
        assert (directory / "cgroup.subtree_control").read_text() == "+memory +cpu +pids"
    written = {}
    monkeypatch.setattr("runtime.cgroups.files.write", written.__setitem__)
    monkeypatch.setattr(device_program, "attach", lambda path, rules: None)
    group = driver.create("tarex-1", Limits(64 << 20, 0.5, 10))
    path = str(parent / "tarex-1")
    assert written == {
        f"{path}/memory.max": str(64 << 20),
        f"{path}/cpu.max": "50000 100000",
        f"{path}/pids.max": "10",
    }
    assert (group.unified, group.paths, group.join) == (path, (path,), ())
    for name, text in {
        "memory.current": "4096\n",
        "cpu.stat": "usage_usec 2500000\nuser_usec 1\n",
        "memory.events": "low 0\noom 1\noom_kill 2\n",
        "cgroup.procs": "1\n22\n",
    }.items():
        Path(path, name).write_text(text)
    assert (group.memory_bytes(), group.cpu_seconds(), group.oom_kills()) == (4096, 2.5, 2)
    assert group.processes() == [1, 22]


def test_a_missing_version_2_controller_is_said(unified, monkeypatch):
    (unified / "tarex").mkdir()
    (unified / "cgroup.controllers").write_text("cpu\n")
    monkeypatch.setattr(device_program, "attach", lambda path, rules: None)
    driver = DriverV2(Hierarchy(str(unified), ("cpu",)), "tarex")
    with pytest.raises(CgroupError, match="no memory controller"):
        driver.create("tarex-1", Limits(memory=64 << 20))
    assert list((unified / "tarex").iterdir()) == []


def test_hybrid_hosts_use_version_1(unified, tmp_path):
    for name in ("cpu,cpuacct", "memory", "systemd"):
        (tmp_path / name).mkdir()
    text = mountinfo(
        ("cgroup", tmp_path / "systemd", "rw,xattr,name=systemd"),
        ("cgroup", tmp_path / "cpu,cpuacct", "rw,cpu,cpuacct"),
        ("cgroup", tmp_path / "memory", "rw,memory"),
        ("cgroup2", unified, "rw"),
    )
    driver = detect.driver("tarex", text)
    assert isinstance(driver, DriverV1)
    assert driver.controllers == {"cpu", "cpuacct", "memory"}
    assert driver.parents() == (f"{tmp_path}/cpu,cpuacct/tarex", f"{tmp_path}/memory/tarex")


def test_no_hierarchy_at_all():
    assert isinstance(detect.driver("tarex", ""), DriverNone)
    assert isinstance(detect.driver("tarex", "nonsense\n1 2 3"), DriverNone)


def test_the_real_driver_is_reentrant(state):
    driver = detect.driver(f"tare{state.tag}")
    driver.prepare()
    driver.prepare()
    driver.close()
    driver.close()
    assert not any(Path(parent).exists() for parent in driver.parents())


@pytest.fixture
def real_unified(state) -> Path:
    """A group of ours on the host's real version 2 tree."""
    _, mountpoint = detect.hierarchies(Path("/proc/self/mountinfo").read_text())
    group = Path(mountpoint, f"tare{state.tag}")
    group.mkdir()
    yield group
    group.rmdir()


def test_the_device_program_is_accepted_and_decides(real_unified, tmp_path):
    device_program.attach(str(real_unified), device_rules.DEFAULTS)
    node = tmp_path / "disk"
    pid = os.fork()
    if pid == 0:
        status = 1
        try:
            (real_unified / "cgroup.procs").write_text("0")
            os.mknod(node, 0o660 | 0o060000, os.makedev(254, 0))
            os.close(os.open("/dev/null", os.O_RDWR))
            try:
                os.close(os.open(node, os.O_RDONLY))
            except PermissionError:
                status = 0
        finally:
            os._exit(status)
    assert os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]) == 0
    node.unlink()


@pytest.mark.parametrize(
    ("number", "advice"), [(errno.ERANGE, "a value this host has"), (errno.EACCES, "run as root")]
)
def test_advice_fits_what_the_kernel_refused(number, advice):
    assert advice in str(files.refused("write 9", OSError(number, os.strerror(number))))
