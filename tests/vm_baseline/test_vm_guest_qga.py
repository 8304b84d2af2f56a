"""Debian's qemu-ga in a guest, spoken with over its own port."""

import re
import shutil
import socket
import subprocess
import threading
from pathlib import Path

import pytest

from vm_baseline import Machine, MachineSpec, qga
from vm_baseline.errors import HypervisorError
from vm_baseline.qga import GuestAgent

LIMIT = 60


@pytest.fixture(scope="module")
def machine(shared_hypervisor, rootfs, tmp_path_factory) -> Machine:
    """A guest in which our agent has started theirs."""
    image = tmp_path_factory.mktemp("qga") / "image"
    subprocess.run(["cp", "-a", rootfs, image], check=True)
    program = shutil.which("qemu-ga") or "/usr/sbin/qemu-ga"
    listed = subprocess.run(["ldd", program], capture_output=True, text=True, check=True).stdout
    for path in [program, *re.findall(r"(/\S+) \(", listed)]:
        (image / path[1:]).parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(path, image / path[1:])
    for name in ("var/run", "var/log", "run"):
        (image / name).mkdir(parents=True, exist_ok=True)
    spec = MachineSpec("vm-micro", image, env={"PATH": "/bin"}, guest_agent=True)
    machine = shared_hypervisor.start(spec)
    machine.wait_ready()
    started = machine.exec([program, "-d", "-p", "/dev/vport0p2", "-f", "/run/qga.pid"], timeout=LIMIT)
    assert started.returncode == 0, started.stderr
    machine.guest_agent.sync(LIMIT)
    yield machine
    machine.remove()


def test_commands_files_and_time(machine) -> None:
    agent = machine.guest_agent
    done = agent.exec(
        ["/bin/sh", "-c", "cat; echo $A >&2; exit 4"], stdin=b"in\0", env={"A": "b"}, timeout=LIMIT
    )
    assert (done.returncode, done.stdout, done.stderr) == (4, b"in\0", b"b\n")
    assert agent.exec(["/bin/sh", "-c", "kill -9 $$"], timeout=LIMIT).returncode == 137
    data = bytes(range(256)) * 1000
    agent.write_file("/etc/data", data)
    assert agent.read_file("/etc/data") == data == machine.exec(["cat", "/etc/data"], timeout=LIMIT).stdout
    with pytest.raises(subprocess.TimeoutExpired):
        agent.exec(["/bin/sleep", "99"], timeout=0.01)
    assert "version" in agent.call("guest-info")


def test_a_refusal_is_one_line_and_leaves_the_channel_in_step(machine) -> None:
    agent = machine.guest_agent
    with pytest.raises(
        HypervisorError, match=r"the guest agent refuses guest-file-open: failed to open file '/no/such'"
    ):
        agent.read_file("/no/such")
    with pytest.raises(HypervisorError, match="refuses nonsense: The command nonsense has not been found"):
        agent.call("nonsense")
    agent.sync()


def test_a_machine_without_the_port_says_so(shared_hypervisor, spec) -> None:
    machine = shared_hypervisor.start(spec())
    with pytest.raises(HypervisorError, match="has no port for QEMU's guest agent"):
        machine.guest_agent.sync()
    machine.remove()


@pytest.fixture
def pair(tmp_path) -> tuple[GuestAgent, socket.socket]:
    agent = GuestAgent(tmp_path / "qga")
    other = socket.socket(socket.AF_UNIX)
    other.connect(str(tmp_path / "qga"))
    yield agent, other
    other.close()
    agent.close()


def test_old_and_half_answers_are_dropped(pair) -> None:
    agent, other = pair
    other.sendall(b'{"return": {}}\n{"ret\xff{"return": 7}\n\xff{"return": 1}\n')
    agent.sync(LIMIT)
    assert b'"guest-sync-delimited"' in other.recv(4096)


def test_a_late_answer_is_not_taken_for_the_next(pair, monkeypatch) -> None:
    agent, other = pair
    with monkeypatch.context() as patch:
        patch.setattr(qga, "_LIMIT", 0.05)
        with pytest.raises(HypervisorError, match="does not answer: timed out"):
            agent.call("guest-info")
    other.sendall(b'{"return": "late"}\n\xff{"return": 1}\n{"return": "own"}\n')
    assert agent.call("guest-ping") == "own"


def test_no_answer_and_no_protocol_are_faults(pair, tmp_path) -> None:
    agent, other = pair
    with pytest.raises(HypervisorError, match="does not answer: timed out"):
        agent.sync(0.05)
    other.sendall(b"garbage\n")
    with pytest.raises(HypervisorError, match="does not speak its protocol"):
        agent.call("guest-ping")
    closer = threading.Timer(0, other.shutdown, (socket.SHUT_RDWR,))
    closer.start()
    with pytest.raises(HypervisorError, match=r"has ended|can't be reached"):
        agent.call("guest-ping")
    closer.join()
    lonely = GuestAgent(Path(tmp_path / "lonely"))
    with pytest.raises(HypervisorError, match="can't be reached"):
        lonely.sync(0.05)
    lonely.close()
