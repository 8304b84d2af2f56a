"""Devices, privileges, kernel parameters and namespaces of others."""

import json
import os
from collections.abc import Callable
from pathlib import Path

import pytest

from runtime import capabilities
from runtime.clean import clean
from runtime.lifecycle import executing
from runtime.lifecycle.record import has_ended
from runtime.spec import Device
from tare.errors import TareError, UsageError

OPEN = "exec 3<>{0} && echo opened"


@pytest.fixture
def said(containers, settings, output) -> Callable[..., str]:
    """What a shell says, its end awaited."""

    def run(script: str, **fields) -> str:
        identity = containers.run(settings("sh", "-c", script, **fields))
        containers.wait(identity, timeout=30)
        return output(identity)

    return run


def test_a_device_is_there_and_may_be_used(said) -> None:
    device = (Device("/dev/fuse", "/dev/fuse"), Device("/dev/fuse", "/dev/mine/fuse"))
    for path in ("/dev/fuse", "/dev/mine/fuse"):
        assert said(OPEN.format(path), spec={"devices": device}) == "opened\n"
    assert "opened" not in said("mknod /dev/fuse c 10 229; " + OPEN.format("/dev/fuse"))


def test_its_access_is_limited(said) -> None:
    spec = {"devices": (Device("/dev/fuse", "/dev/fuse", "r"),)}
    assert said("exec 3</dev/fuse && echo opened", spec=spec) == "opened\n"
    assert "not permitted" in said(OPEN.format("/dev/fuse"), spec=spec)


def test_others_keep_their_rules_beside_it(containers, said, settings) -> None:
    containers.run(settings("sleep", "1000", spec={"devices": (Device("/dev/fuse", "/dev/fuse"),)}))
    assert "opened" not in said("mknod /dev/fuse c 10 229; " + OPEN.format("/dev/fuse"))


def test_a_device_that_isnt_there(containers, settings) -> None:
    for path in ("/dev/nonsense", "/etc/passwd"):
        with pytest.raises(UsageError, match=path):
            containers.run(settings("true", spec={"devices": (Device(path, "/dev/x"),)}))


def test_clean_removes_the_groups_of_devices(state, containers, settings, killed) -> None:
    identity = containers.run(
        settings("sleep", "1000", spec={"devices": (Device("/dev/fuse", "/dev/fuse"),)})
    )
    killed(containers.find(identity).state["monitor"])
    containers.wait(identity, timeout=30)
    containers.close()
    clean(state)
    assert not list(Path("/sys/fs/cgroup").glob(f"*/tare{state.tag}*"))


def test_privileged(said) -> None:
    spec = {
        "privileged": True,
        "masked": False,
        "seccomp": False,
        "no_new_privileges": False,
        "capabilities": capabilities.ours(),
    }
    script = (
        "grep -E '^(CapEff|Seccomp):' /proc/self/status; ls -d /dev/fuse;"
        " grep -c ' /proc/' /proc/mounts; grep -E ' /sys ' /proc/mounts; exec 3<>/dev/fuse && echo opened"
    )
    lines = said(script, spec=spec).splitlines()
    effective = int(lines[0].split()[1], 16)
    assert effective == capabilities.mask(capabilities.ours())
    assert lines[1].split() == ["Seccomp:", "0"]
    assert "/dev/fuse" in lines
    assert "0" in lines
    assert any(" /sys sysfs rw" in line for line in lines)
    assert lines[-1] == "opened"


def test_the_limits_of_memory_shared_and_of_the_killer(said) -> None:
    spec = {"shm_size": 1 << 20, "oom_score_adj": 500}
    script = "grep ' /dev/shm ' /proc/mounts; cat /proc/self/oom_score_adj"
    shm, score = said(script, spec=spec).splitlines()
    assert "size=1024k" in shm
    assert score == "500"


def test_kernel_parameters_of_its_own(said) -> None:
    wanted = {"net.ipv4.ip_unprivileged_port_start": "80", "kernel.msgmax": "4096", "fs.mqueue.msg_max": "7"}
    paths = " ".join(f"/proc/sys/{name.replace('.', '/')}" for name in wanted)
    before = [Path(path).read_text() for path in paths.split()]
    assert said(f"cat {paths}", spec={"sysctls": wanted}).split() == list(wanted.values())
    assert [Path(path).read_text() for path in paths.split()] == before


@pytest.mark.parametrize(
    ("name", "fields"),
    [
        ("vm.swappiness", {}),
        ("kernel.hostname", {}),
        ("net", {}),
        ("net.ipv4/../../vm.swappiness", {}),
        ("net.ipv4.ip_forward\n", {}),
        ("kernel.msgmax", {"ipc": "host"}),
    ],
)
def test_kernel_parameters_of_the_host(containers, settings, name, fields) -> None:
    with pytest.raises(UsageError, match="belongs to"):
        containers.run(settings("true", spec={"sysctls": {name: "1"}}, **fields))


def test_kernel_parameters_there_arent(containers, settings) -> None:
    with pytest.raises(TareError, match="nonsense"):
        containers.run(settings("true", spec={"sysctls": {"net.nonsense": "1"}}))


PROFILE = {
    "defaultAction": "SCMP_ACT_ALLOW",
    "archMap": [{"architecture": "SCMP_ARCH_X86_64", "subArchitectures": ["SCMP_ARCH_X86"]}],
    "syscalls": [
        {"names": ["mkdir", "mkdirat"], "action": "SCMP_ACT_ERRNO", "errnoRet": 28, "args": []},
        {"name": "rmdir", "action": "SCMP_ACT_ERRNO", "excludes": {"caps": ["CAP_CHOWN"]}},
        {"names": ["chmod", "fchmodat"], "action": "SCMP_ACT_ERRNO", "includes": {"minKernel": "99.0"}},
    ],
}


def test_a_filter_of_ones_own(said) -> None:
    spec = {"seccomp_profile": json.dumps(PROFILE)}
    assert "No space left" in said("mkdir /here", spec=spec)
    script = "rmdir /mnt && chmod 700 /tmp && grep ^Seccomp: /proc/self/status"
    assert said(script, spec=spec).split() == ["Seccomp:", "2"]
    capless = {**spec, "capabilities": frozenset()}
    assert "not permitted" in said("rmdir /mnt", spec=capless)


@pytest.mark.parametrize("text", ["{", "[]", '{"syscalls": 5}', '{"defaultAction": "SCMP_ACT_MAYBE"}'])
def test_a_filter_that_is_none(containers, settings, text) -> None:
    with pytest.raises(TareError):
        containers.run(settings("true", spec={"seccomp_profile": text}))


def test_processes_of_the_host(containers, settings, said) -> None:
    assert said(f"cat /proc/{os.getpid()}/comm", pid="host") == Path("/proc/self/comm").read_text()
    identity = containers.run(settings("sh", "-c", "sleep 1000 & echo $!; exec sleep 1000", pid="host"))
    record = containers.find(identity)
    while not (lines := [entry.text for entry in containers.logs(identity)]):
        continue
    left = os.pidfd_open(int(lines[0]))
    try:
        containers.stop(identity, timeout=0)
        containers.remove(identity)
        assert has_ended(left, 10)
    finally:
        os.close(left)
    assert record.groups()


def test_processes_of_another_container(containers, settings) -> None:
    containers.run(settings("sleep", "1000"), name="one")
    containers.run(settings("sh", "-c", "echo $$; exec sleep 2000", pid="container:one"), name="two")
    record = containers.find("two")
    listed = executing.output(containers.engine, record, ("ps", "-o", "pid,args")).stdout.decode()
    assert "1 sleep 1000" in listed
    assert "sleep 2000" in listed
    assert [entry.text for entry in containers.logs("two")] != ["1\n"]
    containers.stop("one", timeout=0)
    assert containers.wait("two", timeout=30) == 137


def test_message_queues_and_memory_of_another_container(containers, settings) -> None:
    containers.run(settings("sleep", "1000"), name="one")
    containers.run(settings("sleep", "1000", ipc="container:one"), name="two")

    def said(name: str, script: str) -> bytes:
        return executing.output(containers.engine, containers.find(name), ("sh", "-c", script)).stdout

    said("one", "echo shared > /dev/shm/file")
    assert said("two", "cat /dev/shm/file") == b"shared\n"
    assert said("one", "readlink /proc/self/ns/ipc") == said("two", "readlink /proc/self/ns/ipc")


def test_names_and_memory_of_the_host(said) -> None:
    seen = said("readlink /proc/self/ns/uts; readlink /proc/self/ns/ipc; hostname", uts="host", ipc="host")
    uts, ipc, name = seen.splitlines()
    assert (uts, ipc) == (*(str(Path(f"/proc/self/ns/{kind}").readlink()) for kind in ("uts", "ipc")),)
    assert name == os.uname().nodename
