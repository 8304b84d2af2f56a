"""Faults in a machine's life: each is one clear line, and nothing is left."""

import fcntl
import os
import shutil
import signal
import subprocess
import termios
import threading
from array import array
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from vm_remains import directories, remains

from tare.errors import UsageError
from tare.state import State
from vm_baseline import Accelerator, Hypervisor, MachineSpec, tools
from vm_baseline.cache import cached
from vm_baseline.connection import Connection
from vm_baseline.disk import cached_disks, shared_disk
from vm_baseline.errors import HypervisorError, NotReadyError
from vm_baseline.place import data_directory, link_path
from vm_baseline.prepared import prepare
from vm_baseline.processes import command_lines
from vm_baseline.reason import why_it_ended
from vm_baseline.transcript import Transcript

LIMIT = 90


def reason(tmp_path: Path, log: bytes, said: bytes = b"") -> str:
    (tmp_path / "log").write_bytes(log)
    transcript = Transcript("0123")
    transcript.feed(said)
    return why_it_ended(transcript, log=tmp_path / "log", lost_libvirt=False, full=None, bases=())


LOG = b"""\
2026-01-02 03:04:05.678+0000: starting up libvirt version: 9.0.0, qemu version: 7.2.22
LC_ALL=C \\
/usr/bin/qemu-system-x86_64 \\
-name guest=one
2026-01-02T03:04:06.000000Z qemu-system-x86_64: warning: host doesn't support requested feature
"""
STOP = b"2026-01-02T03:04:07.000000Z qemu-system-x86_64: terminating on signal 15 from pid 7 (python)\n"


def test_what_qemu_said_last_is_told(tmp_path) -> None:
    fault = b"2026-01-02T03:04:07.000000Z qemu-system-x86_64: error: failed to set MSR 0x38f to 0x7\n"
    ended = b"2026-01-02 03:04:08.000+0000: shutting down, reason=crashed\n"
    assert reason(tmp_path, LOG + fault + ended) == "QEMU says 'error: failed to set MSR 0x38f to 0x7'"
    broken = b"qemu-system-x86_64: ../kvm.c:2924: kvm_put: Assertion `ret == n' failed.\n"
    assert "Assertion `ret == n' failed." in reason(tmp_path, LOG + fault + broken + ended)
    assert reason(tmp_path, LOG + STOP, b"booting\n") == "its last words were 'booting'"
    assert reason(tmp_path, LOG) == "it said nothing"


@given(st.binary(), st.binary())
def test_any_log_gives_one_line(tmp_path_factory, log, said) -> None:
    assert len(reason(tmp_path_factory.getbasetemp(), log, said).splitlines()) == 1


def test_a_qemu_that_aborts_is_an_end(shared_hypervisor, spec) -> None:
    machine = shared_hypervisor.start(spec("vm-micro", "sleep", "999"))
    os.kill(machine.pid, signal.SIGABRT)
    with pytest.raises(HypervisorError, match="ended without reporting the payload's exit status"):
        machine.wait(LIMIT)
    directory = machine.directory
    machine.remove()
    assert not directory.exists()


def test_a_libvirt_killed_with_a_question_unread_is_waited_for_by_nobody(state) -> None:
    with closing(Connection(state)) as connection, ThreadPoolExecutor(1) as asking:
        stopped = connection.pids()
        for pid in stopped:
            os.kill(pid, signal.SIGSTOP)
        answer = asking.submit(connection.call, "names", prefix="")
        unread = array("i", [0])
        while not unread[0]:
            fcntl.ioctl(connection._socket, termios.TIOCOUTQ, unread)
        for pid in stopped:
            os.kill(pid, signal.SIGKILL)
        with pytest.raises(HypervisorError, match="libvirt can't be used: its process ended"):
            answer.result(LIMIT)


def test_a_libvirt_killed_while_it_asks_qemu_what_it_can_do_leaves_none(tmp_path) -> None:
    own = State.at(tmp_path)
    xml = "<domain type='qemu'><name>one</name><memory>1</memory><os><type>hvm</type></os></domain>"
    with closing(Connection(own)) as connection, ThreadPoolExecutor(1) as asking:
        answer = asking.submit(connection.call, "create", xml=xml, name="one")
        asked = f"unix:{connection.root}/"
        while not any(word.startswith(asked) for _, words in command_lines() for word in words):
            assert not answer.done()
        for pid in connection.pids():
            os.kill(pid, signal.SIGKILL)
        with pytest.raises(HypervisorError, match="libvirt can't be used: its process ended"):
            answer.result(LIMIT)
    link_path(own).unlink(missing_ok=True)
    assert remains(own) == []


def test_a_libvirt_that_never_answers_is_ended(state) -> None:
    connection = Connection(state)
    with connection.unwatched(), pytest.raises(HypervisorError, match="not answered for 0.1 s when asked to"):
        connection.call("version", limit=0.1)
    with pytest.raises(HypervisorError):
        connection.call("version")
    connection.close()


def test_a_line_flooded_with_forged_marks_is_not_believed(shared_hypervisor, spec) -> None:
    code = "dd if=/dev/urandom bs=64k count=4 >/dev/console; i=0; while [ $i -lt 200 ]; do i=$((i+1)); echo"
    code += " 0123456789abcdef:ready 1 2 >/dev/console; done 2>/dev/null; exit 6"
    machine = shared_hypervisor.start(spec("vm-micro", "sh", "-c", code))
    ready = machine.wait_ready()
    first, second = machine.guest_times
    assert machine.wait(LIMIT) == 6
    assert (machine.ready_ns, machine.guest_times) == (ready, (first, second))
    assert min(first, second) > 2
    machine.remove()


def test_an_agent_that_never_answers_is_not_waited_for(shared_hypervisor, spec) -> None:
    machine = shared_hypervisor.start(spec(hold=True))
    with pytest.raises(subprocess.TimeoutExpired):
        machine.exec(["true"], timeout=1)
    with pytest.raises(NotReadyError, match="was not ready within 1 s and has been ended"):
        machine.wait_ready(1)
    assert not machine.directory.exists()


def test_a_base_deleted_under_a_machine_stays_until_its_end(shared_hypervisor, spec, tmp_path) -> None:
    root = tmp_path / "image"
    (root / "bin").mkdir(parents=True)
    (root / "bin/busybox").write_bytes(Path("/bin/busybox").read_bytes())
    (root / "bin/busybox").chmod(0o755)
    wanted = MachineSpec("vm-q35", root)
    prepared = shared_hypervisor.prepare(wanted)
    machine = shared_hypervisor.start(wanted, prepared=prepared)
    prepared.disk.unlink()
    assert machine.exec(["busybox", "cat", "/bin/busybox"], timeout=LIMIT).returncode == 0
    machine.remove()
    with pytest.raises(HypervisorError, match=prepared.disk.name):
        shared_hypervisor.start(wanted, prepared=prepared)
    assert shared_hypervisor.prepare(wanted).disk.exists()
    prepared.disk.unlink()


def test_a_disk_that_fills_up_ends_the_machine_and_says_so(data, rootfs, tmp_path) -> None:
    state = State(data, tmp_path / "run")
    small = data_directory(state)
    small.mkdir(parents=True)
    subprocess.run(["mount", "-t", "tmpfs", "-o", "size=24m", "tmpfs", small], check=True)
    try:
        code = "dd if=/dev/urandom of=/large bs=1M count=64; sync; echo over"
        with Hypervisor(state) as hypervisor:
            machine = hypervisor.start(MachineSpec("vm-q35", rootfs, argv=("sh", "-c", code)))
            with pytest.raises(HypervisorError, match="no space left in .* for what it wrote"):
                machine.wait(LIMIT)
        assert directories(state, "vm") == []
    finally:
        subprocess.run(["umount", small], check=True)
        small.rmdir()


def test_a_qemu_that_is_too_old_is_refused(state, rootfs, tmp_path, monkeypatch) -> None:
    # None so old can be had here.
    old = tmp_path / "bin" / Path(shutil.which("qemu-system-x86_64")).name
    old.parent.mkdir()
    old.write_text("#!/bin/sh\necho QEMU emulator version 4.2.1\n")
    old.chmod(0o755)
    monkeypatch.setattr(tools, "_PATH", f"{old.parent}:{os.environ['PATH']}")
    with pytest.raises(HypervisorError, match=r"QEMU 4\.2\.1 is too old; at least 6\.2 is needed"):
        prepare(state, MachineSpec("vm-micro", rootfs, accelerator=Accelerator.TCG))


def test_memory_larger_than_the_host_is_refused(shared_hypervisor, rootfs) -> None:
    with pytest.raises(UsageError, match="MiB"):
        shared_hypervisor.prepare(MachineSpec("vm-micro", rootfs, memory=1 << 50))


def test_who_asks_for_what_is_being_made_waits_for_it(tmp_path) -> None:
    target, begun, waits, made = tmp_path / "thing", threading.Event(), threading.Event(), []

    def make(product: Path) -> None:
        made.append(product)
        begun.set()
        assert waits.wait(LIMIT)
        product.write_text("whole")

    with ThreadPoolExecutor(2) as both:
        first = both.submit(cached, target, make)
        assert begun.wait(LIMIT)
        second = both.submit(cached, target, make)
        lock = (tmp_path / "making-thing").stat().st_ino
        while f":{lock} 0 EOF" not in _waiting_for_locks():
            pass
        assert not second.done()
        waits.set()
        assert first.result(LIMIT) == second.result(LIMIT) == target
    assert (len(made), os.listdir(tmp_path)) == (1, ["thing"])


def _waiting_for_locks() -> str:
    """Of /proc/locks, see proc(5), the lines of those that wait."""
    return "\n".join(line for line in Path("/proc/locks").read_text().splitlines() if " -> " in line)


def test_what_a_killed_build_left_is_no_hindrance_and_a_failed_one_leaves_nothing(tmp_path) -> None:
    (tmp_path / "making-thing/half").mkdir(parents=True)
    (tmp_path / "making-thing/thing").write_text("half")
    with pytest.raises(ZeroDivisionError):
        cached(tmp_path / "thing", lambda _: 1 // 0)
    assert os.listdir(tmp_path) == []
    (tmp_path / "making-thing").mkdir()
    cached(tmp_path / "thing", lambda product: product.mkdir())
    assert os.listdir(tmp_path) == ["thing"]


def test_two_builds_of_one_image_give_one_disk(data, rootfs, tmp_path) -> None:
    state = State(tmp_path / "data", tmp_path / "run")
    made = []
    builds = [
        threading.Thread(target=lambda: made.append(shared_disk(state, rootfs, "mark"))) for _ in range(2)
    ]
    for build in builds:
        build.start()
    for build in builds:
        build.join()
    assert made[0] == made[1]
    assert cached_disks(state) == (made[0],)
    assert list(made[0].parent.iterdir()) == [made[0]]
