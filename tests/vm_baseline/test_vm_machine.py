"""Machines of both profiles, booted for real."""

import os
import subprocess
import threading
import time
import urllib.request
from ipaddress import IPv4Address, IPv4Interface
from pathlib import Path
from xml.etree import ElementTree

import pytest
from pyroute2 import IPRoute
from vm_remains import PROFILES, directories

from vm_baseline import Accelerator, Hypervisor, Machine, MachineSpec, Tap
from vm_baseline.errors import HypervisorError, NotReadyError


@pytest.fixture(scope="module", params=PROFILES)
def machine(request, shared_hypervisor, rootfs) -> Machine:
    """One idle machine of each profile, shared by the tests that only run commands in it."""
    started = time.monotonic_ns()
    machine = shared_hypervisor.start(
        MachineSpec(request.param, rootfs, env={"PATH": "/bin", "WORD": "a b'c"})
    )
    ready = machine.wait_ready()
    assert started < machine.asked_ns < machine.created_ns < ready
    yield machine
    machine.remove()


def test_a_command_takes_and_gives_bytes_and_a_status(machine) -> None:
    data = bytes(range(256)) * 4096
    done = machine.exec(["sh", "-c", "cat; echo problem >&2; exit 7"], stdin=data, timeout=60)
    assert (done.returncode, done.stderr) == (7, b"problem\n")
    assert done.stdout == data


def test_a_command_has_exactly_its_environment(machine) -> None:
    lines = set(machine.exec(["env"], timeout=60).stdout.decode().splitlines())
    assert {"PATH=/bin", "WORD=a b'c"} <= lines <= {"PATH=/bin", "WORD=a b'c", "HOME=/", "SHLVL=1", "PWD=/"}


def test_arguments_arrive_as_they_are(machine) -> None:
    words = ["", "a b", "'\"$HOME`id`", "\\n", "*", "é"]
    done = machine.exec(["printf", "%s\\n", *words], timeout=60)
    assert done.stdout.decode().splitlines() == words


def test_a_missing_command_and_one_ended_by_a_signal_have_the_shells_status(machine) -> None:
    missing = machine.exec(["nosuch"], timeout=60)
    assert (missing.returncode, missing.stderr) == (
        127,
        b'tarevm: exec: "nosuch": executable file not found in $PATH\n',
    )
    assert machine.exec(["sh", "-c", "kill -9 $$"], timeout=60).returncode == 137


def test_commands_run_at_the_same_time(machine) -> None:
    first = threading.Thread(target=machine.exec, args=(["sh", "-c", "until [ -e /go ]; do :; done"],))
    first.start()
    assert machine.exec(["touch", "/go"], timeout=60).returncode == 0
    first.join(60)
    assert not first.is_alive()
    assert machine.exec(["rm", "/go"], timeout=60).returncode == 0


def test_a_command_that_takes_too_long_is_killed(machine) -> None:
    with pytest.raises(subprocess.TimeoutExpired):
        machine.exec(["sleep", "1234"], timeout=1.5)
    processes = machine.exec(["ps"], timeout=60).stdout
    assert b"sleep 1234" not in processes


def test_the_guest_is_as_large_as_asked(machine) -> None:
    total = int(machine.exec(["sh", "-c", "set -- $(cat /proc/meminfo); echo $2"], timeout=60).stdout) << 10
    assert 0.7 * (256 << 20) < total < 256 << 20
    assert machine.exec(["nproc"], timeout=60).stdout == b"1\n"


def test_it_is_what_it_says(machine) -> None:
    assert machine.exec(["uname", "-r"], timeout=60).stdout.decode().strip() == machine.kernel.release
    assert Path(f"/proc/{machine.pid}/exe").readlink().name.startswith("qemu-system")
    domain = ElementTree.fromstring(machine.domain_xml)
    assert domain.get("type") == ("kvm" if machine.accelerator is Accelerator.KVM else "qemu")
    assert domain.findtext("name") == machine.name


@pytest.mark.parametrize("profile", PROFILES)
def test_the_payloads_output_and_status_come_out(state, spec, profile) -> None:
    arrived = []
    code = "printf 'one\\r\\n\\ttwo\\n\\000\\377'; echo three >&2; exit 3"
    with Hypervisor(state) as hypervisor:
        machine = hypervisor.start(spec(profile, "sh", "-c", code), output=arrived.append)
        assert machine.wait(60) == 3
        assert machine.output == b"".join(arrived) == b"one\r\n\ttwo\n\x00\xffthree\n"
        assert machine.created_ns < machine.wait_ready() <= machine.wait_output() < machine.exited_ns
        machine.remove()
        machine.remove()


@pytest.mark.parametrize("profile", PROFILES)
def test_the_guest_serves_the_host_over_a_bridge(state, spec, profile) -> None:
    bridge = f"tare{state.tag}b"
    with IPRoute() as route:
        route.link("add", ifname=bridge, kind="bridge")
        index = route.link_lookup(ifname=bridge)[0]
        try:
            route.addr("add", index=index, address="10.213.77.1", prefixlen=24)
            route.link("set", index=index, state="up")
            tap = Tap(bridge, IPv4Interface("10.213.77.2/24"), IPv4Address("10.213.77.1"))
            with Hypervisor(state) as hypervisor:
                machine = hypervisor.start(
                    spec(profile, "sh", "-c", "httpd -h /www; echo up; exec sleep 99", tap=tap)
                )
                machine.wait_output(60)
                with urllib.request.urlopen("http://10.213.77.2/", timeout=30) as answer:
                    assert answer.read() == b"served by the guest\n"
                machine.stop()
        finally:
            route.link("del", index=index)


def test_each_instance_has_a_disk_of_its_own(state, spec, rootfs) -> None:
    with Hypervisor(state) as hypervisor:
        first, second = (hypervisor.start(spec("vm-q35")) for _ in range(2))
        assert {path.parent for path in state.data.rglob("disk.qcow2")} >= {first.directory, second.directory}
        assert [path for path in state.run.glob("vm/*/*") if not path.is_socket()] == []
        assert first.exec(["touch", "/mark"], timeout=60).returncode == 0
        assert second.exec(["ls", "/mark"], timeout=60).returncode == 1
        assert not (rootfs / "mark").exists()


def test_a_guest_that_is_never_ready_is_ended(state, spec) -> None:
    with Hypervisor(state) as hypervisor:
        machine = hypervisor.start(spec(hold=True))
        with pytest.raises(NotReadyError, match="was not ready within 2 s and has been ended"):
            machine.wait_ready(2)
        assert directories(state, "vm") == []


def test_a_guest_that_dies_early_is_not_waited_for(state, spec) -> None:
    with Hypervisor(state) as hypervisor:
        machine = hypervisor.start(spec())
        os.kill(machine.pid, 9)
        with pytest.raises(NotReadyError, match="ended before it was ready"):
            machine.wait_ready(60)


def test_a_refused_domain_leaves_nothing(state, spec) -> None:
    with Hypervisor(state) as hypervisor:
        with pytest.raises(HypervisorError, match="nosuchbridge"):
            hypervisor.start(spec(tap=Tap("nosuchbridge", IPv4Interface("10.1.1.1/24"))))
        assert directories(state, "vm") == []


def test_leaving_the_context_removes_what_runs(state, spec) -> None:
    with Hypervisor(state) as hypervisor:
        machine = hypervisor.start(spec())
    assert machine.exited_ns is not None
