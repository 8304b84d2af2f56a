"""The points of a machine's life: their order, their sum, and where their times come from."""

import json
import signal
import socket
import subprocess
import time
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from vm_baseline import MachineSpec
from vm_baseline.monitor import Monitor
from vm_baseline.phases import Calls, Phase, Point, Source, collect, ordered
from vm_baseline.processes import end, started
from vm_baseline.serial import Serial

TIMES = st.integers(0, 10**12)
PHASES = st.builds(
    lambda points, times, resolutions: [
        Phase(point, at, Source.SERIAL, resolution)
        for point, at, resolution in zip(points, times, [1, *resolutions], strict=False)
    ],
    st.lists(st.sampled_from(Point), min_size=1, unique=True),
    st.lists(TIMES, min_size=len(Point), max_size=len(Point)),
    st.lists(st.sampled_from([1, 1000, 5_000_000]), min_size=len(Point), max_size=len(Point)),
)


@given(PHASES)
def test_durations_are_never_negative_and_add_up_to_the_total(found) -> None:
    phases = ordered(found)
    assert sorted(phase.point for phase in phases) == sorted(phase.point for phase in found)
    assert all(duration >= 0 for duration in phases.durations_ns.values())
    assert sum(phases.durations_ns.values()) == phases.total_ns
    assert set(phases.durations_ns) == {phase.point for phase in phases.passed[1:]}
    assert phases.absent.keys().isdisjoint(phase.point for phase in found)


@given(PHASES)
def test_what_is_known_exactly_is_not_moved(found) -> None:
    exact = {phase for phase in found if phase.resolution_ns <= 1000}
    assert exact <= set(ordered(found))


def test_a_point_known_less_exactly_lies_between_its_neighbours() -> None:
    made = (Point.CALLED, 100, 1), (Point.PROCESS, 90, 5_000_000), (Point.WAITING, 200, 1)
    phases = ordered(Phase(point, at, Source.KERNEL, resolution) for point, at, resolution in made)
    assert [phase.at_ns for phase in phases] == [100, 100, 200]


@pytest.mark.parametrize("profile", ["vm-micro", "vm-q35"])
def test_a_machine_from_its_start_to_its_removal(shared_hypervisor, rootfs, profile) -> None:
    spec = MachineSpec(profile, rootfs, argv=("echo", "said"), env={"PATH": "/bin"})
    shared = shared_hypervisor.prepare(spec)
    before = time.monotonic_ns()
    machine = shared_hypervisor.start(spec, prepared=shared)
    machine.wait_ready()
    early = machine.phases()
    assert machine.wait(60) == 0
    machine.remove()
    after = time.monotonic_ns()
    phases = machine.phases()
    passed = [phase.point for phase in phases]
    assert passed == [point for point in Point if point not in (Point.FIRMWARE_DONE, Point.STOPPING)]
    assert before <= phases[Point.CALLED].at_ns < phases[Point.UNDEFINED].at_ns <= after
    assert all(earlier.at_ns <= later.at_ns for earlier, later in pairwise(phases))
    assert sum(phases.durations_ns.values()) == phases.total_ns
    assert set(early) < set(phases)
    assert phases.absent == {
        Point.FIRMWARE_DONE: "firmware that loads the kernel by itself ends where the kernel starts",
        Point.STOPPING: "nobody has asked it to stop",
    }
    assert phases[Point.READY].at_ns == machine.ready_ns
    assert phases[Point.RUNNING].source is Source.QMP
    assert phases[Point.RUNNING].at_ns < machine.created_ns
    assert phases[Point.INIT].resolution_ns < 10**9


def test_a_machine_that_is_ended_was_asked_to_stop_and_did_not_power_off(shared_hypervisor, rootfs) -> None:
    machine = shared_hypervisor.start(MachineSpec("vm-micro", rootfs))
    machine.remove()
    phases = machine.phases()
    assert [phase.point for phase in phases][-3:] == [Point.STOPPING, Point.STOPPED, Point.UNDEFINED]
    with pytest.raises(KeyError, match="the guest has not said that it is ready"):
        phases[Point.READY]
    # libvirt can still be asked after it was kept from looking
    assert shared_hypervisor.connection.call("names", prefix=machine.name) == []


@pytest.fixture
def serial(tmp_path):
    serial = Serial(tmp_path / "serial", "nonce")
    yield serial
    serial.close()


def connected(path) -> socket.socket:
    end = socket.socket(socket.AF_UNIX)
    end.connect(str(path))
    return end


def event(name: str, at: float) -> bytes:
    seconds, micros = divmod(round(at * 1e6), 10**6)
    stamp = {"seconds": seconds, "microseconds": micros}
    return json.dumps({"timestamp": stamp, "event": name}).encode() + b"\r\n"


def test_the_monitor_takes_qemus_own_times_and_survives_garbage(tmp_path, serial) -> None:
    monitor = Monitor(tmp_path / "monitor", serial)
    ahead = time.time_ns() - time.monotonic_ns()
    at = time.time()
    with connected(tmp_path / "monitor") as qemu:
        assert json.loads(qemu.recv(100)) == {"execute": "qmp_capabilities"}
        qemu.sendall(b'{"QMP": {}}\r\nno json\r\n[]\r\n{"event": "RESUME", "timestamp": 1}\r\n')
        qemu.sendall(event("RESUME", at)[:20])
        qemu.sendall(event("RESUME", at)[20:] + b'{"return": {}}\r\n' + event("RESUME", at + 1))
        qemu.sendall(event("SHUTDOWN", at + 2))
        assert serial.wait(lambda: monitor.powered_off_ns is not None, 10)
    assert monitor.running_ns == pytest.approx(at * 1e9 - ahead, abs=1e6)
    assert monitor.powered_off_ns == pytest.approx((at + 2) * 1e9 - ahead, abs=1e6)
    assert monitor.answered_ns is not None


def test_the_kernel_starts_with_its_first_line_and_not_before(tmp_path, serial) -> None:
    with connected(tmp_path / "serial") as guest:
        guest.sendall(b"SeaBIOS (version 1.16)\r\n")
        assert serial.wait(lambda: serial.first_byte_ns is not None, 10)
        between = time.monotonic_ns()
        for byte in b"[    0.000000] Linux version 6.1.0":
            guest.sendall(bytes([byte]))
        assert serial.wait(lambda: serial.kernel_ns is not None, 10)
        last = time.monotonic_ns()
        guest.sendall(b"and more\r\nnonce:ready 1000 5000\r\n")
        assert serial.wait(lambda: serial.ready_ns is not None, 10)
    assert serial.first_byte_ns < between < serial.kernel_ns < last < serial.ready_line_ns <= serial.ready_ns


def test_without_a_monitor_the_processors_ran_when_libvirt_said_so(serial) -> None:
    phases = collect(Calls(10, 20, 50), serial, None, Source.CHANNEL)
    assert phases[Point.RUNNING] == Phase(Point.RUNNING, 50, Source.LIBVIRT, 30)
    assert phases.absent[Point.WAITING] == "QEMU has no monitor of ours, or waited before"


def test_the_start_of_a_process_is_known_to_half_a_tick() -> None:
    before = time.monotonic_ns()
    with subprocess.Popen(["sleep", "60"]) as process:
        after = time.monotonic_ns()
        at, resolution = started(process.pid)
        process.kill()
    assert before - resolution <= at <= after + resolution


def test_a_stopped_process_ends_as_well() -> None:
    with subprocess.Popen(["sleep", "60"]) as process:
        process.send_signal(signal.SIGSTOP)
        assert end(process.pid, signal.SIGTERM, 10)
