"""Nothing outlives its harness, and the command line says what went wrong in one line."""

import os
import select
import signal
import subprocess
import sys

import pytest

from tare.errors import ExitCode
from tare.state import State
from vm_baseline import clean
from vm_baseline.connection import Connection
from vm_baseline.place import data_directory, domain_prefix, run_directory
from vm_baseline.processes import command_lines, end, qemu_processes

TAREVM = (sys.executable, "-m", "vm_baseline.cli")


@pytest.fixture
def home(tmp_path, data) -> State:
    """A state below one root, as TAREBENCH_ROOT makes it, with the kernels of the session."""
    (tmp_path / "data").symlink_to(data)
    return State.at(tmp_path)


@pytest.fixture
def state(home) -> State:
    yield home
    assert qemu_processes(domain_prefix(home)) == []
    clean(home)


def call(state: State, *arguments: str, **environment: str) -> "subprocess.CompletedProcess[str]":
    return subprocess.run(
        [*TAREVM, *arguments],
        env={**os.environ, "TAREBENCH_ROOT": str(state.run.parent), **environment},
        capture_output=True,
        text=True,
        timeout=90,
        check=False,
        stdin=subprocess.DEVNULL,
    )


def begin(state: State, *arguments: str) -> "subprocess.Popen[bytes]":
    """Start a machine and wait until its payload speaks."""
    harness = subprocess.Popen(
        [*TAREVM, *arguments],
        env={**os.environ, "TAREBENCH_ROOT": str(state.run.parent)},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
    )
    assert select.select([harness.stdout], [], [], 60)[0]
    return harness


def workers(state: State) -> list[int]:
    return [pid for pid, words in command_lines() if str(run_directory(state)) in words]


def ended(pid: int) -> bool:
    return end(pid, signal.SIGCONT, 30)


def test_a_killed_harness_takes_its_machines_along(state, rootfs) -> None:
    harness = begin(state, "run", str(rootfs), "sh", "-c", "echo up; exec sleep 999")
    ((qemu, _),) = qemu_processes(domain_prefix(state))
    harness.kill()
    harness.communicate()
    assert ended(qemu)
    assert all(ended(pid) for pid in workers(state))
    (state.data / "disks/making-half").mkdir(parents=True)
    assert {f"removed {state.data}/disks/making-half"} < set(clean(state))
    assert clean(state) == []


def test_clean_ends_a_libvirt_whose_harness_was_killed_while_it_kept_it_from_looking(state, rootfs) -> None:
    harness = begin(state, "run", str(rootfs), "sh", "-c", "echo up; exec sleep 999")
    for pid in workers(state):
        os.kill(pid, signal.SIGSTOP)
    harness.kill()
    harness.communicate()
    assert "ended the libvirt process" in "".join(clean(state))
    assert workers(state) == []


def test_clean_ends_what_lost_harness_and_libvirt(state, rootfs) -> None:
    harness = begin(state, "run", "--profile", "vm-q35", str(rootfs), "sh", "-c", "echo up; exec sleep 999")
    ((qemu, name),) = qemu_processes(domain_prefix(state))
    lost = [harness.pid, *workers(state)]
    # Otherwise the last of them would have the time to see to it.
    for pid in lost:
        os.kill(pid, signal.SIGSTOP)
    for pid in lost:
        end(pid, signal.SIGKILL, 30)
    harness.communicate()
    assert qemu_processes(domain_prefix(state)) == [(qemu, name)]
    assert f"ended the virtual machine {name} (process {qemu})" in clean(state)
    assert not list(state.run.glob("*/*"))
    assert not data_directory(state).exists()


def test_clean_leaves_another_state_alone(state, rootfs, tmp_path) -> None:
    harness = begin(state, "run", str(rootfs), "sh", "-c", "echo up; exec sleep 999")
    assert clean(State(state.data, tmp_path / "other")) == []
    assert len(qemu_processes(domain_prefix(state))) == 1
    harness.send_signal(signal.SIGINT)
    _, errors = harness.communicate(timeout=60)
    assert (errors, harness.returncode) == (b"", 128 + signal.SIGINT)
    assert not list(state.run.glob("*/*"))


def test_two_connections_of_a_state_do_not_disturb_each_other(state) -> None:
    first, second = Connection(state), Connection(state)
    first.close()
    assert second.call("names", prefix="") == []
    second.close()


def test_output_and_status_pass_through(state, rootfs) -> None:
    done = call(state, "run", "--env", "A=b", str(rootfs), "sh", "-c", "echo $A; exit 9")
    assert (done.returncode, done.stdout, done.stderr) == (9, "b\n", "")
    ready = call(state, "boot", "--phases", str(rootfs))
    assert ready.returncode == 0
    assert ready.stdout.startswith("ready after ")
    points = [line.split()[3] for line in ready.stdout.splitlines()[1:]]
    assert (points[0], points[-1]) == ("called", "undefined")
    assert {"running", "ready", "stopping", "stopped"} <= set(points)


FAULTS = (
    (("nowhere",), ExitCode.IMAGE, "no image 'nowhere'; see `tarebox images`"),
    (("--kernel", "/nowhere", "ROOTFS"), ExitCode.KERNEL, "can't read the kernel /nowhere: No such file"),
    (("--kernel", "/etc/passwd", "ROOTFS"), ExitCode.KERNEL, "/etc/passwd is not a Linux kernel for x86"),
    (("--connect", "nonsense:///x", "ROOTFS"), ExitCode.HYPERVISOR, "libvirt says: "),
    (("--memory", "lots", "ROOTFS"), ExitCode.USAGE, "'lots' is no size; write bytes or a number with k, m"),
    (("--memory", "32m", "ROOTFS"), ExitCode.USAGE, "the image does not fit as an initramfs into 32 MiB"),
    (("--vcpus", "none", "ROOTFS"), ExitCode.USAGE, "'none' is not a number of processors"),
    (
        ("--profile", "vm-none", "ROOTFS"),
        ExitCode.USAGE,
        "there is no profile vm-none; choose one of vm-",
    ),
    (("--timeout", "0.2", "ROOTFS"), ExitCode.NOT_READY, "was not ready within 0.2 s and has been ended"),
)


@pytest.mark.parametrize(("arguments", "code", "line"), FAULTS)
def test_a_fault_is_one_line_and_a_code(state, rootfs, arguments, code, line) -> None:
    words = [str(rootfs) if word == "ROOTFS" else word for word in arguments]
    done = call(state, "boot", *words)
    assert done.returncode == code
    assert len(done.stderr.splitlines()) == 1
    assert done.stderr.startswith("tarevm: ")
    assert line in done.stderr
    assert not list(state.run.glob("*/*"))


def test_without_qemu_the_line_names_the_package(state, rootfs, tmp_path) -> None:
    done = call(state, "boot", str(rootfs), PATH=str(tmp_path))
    assert done.returncode == ExitCode.HYPERVISOR
    assert done.stderr == (
        "tarevm: qemu-system-x86_64 is missing; install the package qemu-system-x86 or run tools/setup\n"
    )


def test_doctor_finds_everything_here(state) -> None:
    done = call(state, "doctor")
    assert done.returncode == 0, done.stdout
    assert all(line.startswith("ok ") for line in done.stdout.splitlines())
