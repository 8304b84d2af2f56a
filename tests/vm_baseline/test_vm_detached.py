"""Machines that outlive who started them, from the command line and from the library."""

import os
import pty
import re
import select
import shlex
import shutil
import signal
import subprocess
import sys
import threading
from argparse import Namespace
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from pathlib import Path

import pytest
from vm_remains import directories, remains

from tare.errors import ExitCode
from tare.state import State
from vm_baseline import Accelerator, Hypervisor, MachineSpec, clean, detached
from vm_baseline.commands import kill
from vm_baseline.detached import Order
from vm_baseline.errors import HypervisorError, NoSuchMachineError
from vm_baseline.place import domain_prefix, link_path
from vm_baseline.prepared import prepare
from vm_baseline.processes import end, qemu_processes

TAREVM = (sys.executable, "-m", "vm_baseline.cli")
CODE = "echo out; echo err >&2; trap 'echo told; exit 4' TERM; while :; do sleep 1 & wait; done"


@pytest.fixture(scope="module")
def home(data, rootfs, tmp_path_factory) -> Iterator[State]:
    root = tmp_path_factory.mktemp("home")
    (root / "data").symlink_to(data)
    state = State.at(root)
    prepare(state, MachineSpec("vm-micro", rootfs, accelerator=Accelerator.TCG))
    yield state
    clean(state)
    left = remains(state)
    link_path(state).unlink(missing_ok=True)
    assert left == []


def call(home: State, *words: str | Path, given: bytes = b"") -> "subprocess.CompletedProcess[bytes]":
    environment = {**os.environ, "TAREBENCH_ROOT": str(home.run.parent)}
    return subprocess.run(
        [*TAREVM, *words], env=environment, capture_output=True, check=False, timeout=120, input=given
    )


@pytest.fixture(scope="module")
def one(home, rootfs) -> Iterator[str]:
    """A machine that is shared by the tests that leave it running."""
    words = ("run", "--detach", "--accelerator", "tcg", "--name", "one", "-e", "A=b", str(rootfs))
    started = call(home, *words, "sh", "-c", CODE)
    assert (started.returncode, started.stdout, started.stderr) == (0, b"one\n", b"")
    yield "one"
    call(home, "rm", "--force", "one")


def test_it_runs_with_nobody_there_and_is_listed(home, one) -> None:
    ((_, domain),) = qemu_processes(domain_prefix(home))
    heads, line = call(home, "ps").stdout.decode().splitlines()
    assert heads.split() == ["NAME", "IMAGE", "COMMAND", "CREATED", "STATUS", "DOMAIN"]
    assert line.startswith("one ")
    assert " Up " in line
    assert line.endswith(domain)
    assert call(home, "ps", "-q").stdout == b"one\n"


def test_commands_run_in_it_with_streams_and_status(home, one) -> None:
    done = call(
        home, "exec", "-i", "-e", "C=d", one, "sh", "-c", "cat; echo $A$C; echo no >&2; exit 5", given=b"in\n"
    )
    assert (done.returncode, done.stdout, done.stderr) == (5, b"in\nbd\n", b"no\n")
    missing = call(home, "exec", one, "nosuch")
    assert missing.returncode == ExitCode.NOT_FOUND


def test_files_go_in_and_out(home, one, tmp_path) -> None:
    (tmp_path / "in").write_bytes(os.urandom(400_000))
    assert call(home, "cp", tmp_path / "in", "one:/copied").returncode == 0
    assert call(home, "cp", "one:/copied", tmp_path / "out").returncode == 0
    assert (tmp_path / "out").read_bytes() == (tmp_path / "in").read_bytes()
    wrong = call(home, "cp", tmp_path / "in", tmp_path / "out")
    assert (wrong.returncode, len(wrong.stderr.splitlines())) == (1, 1)


def test_several_have_it_at_once(home, one) -> None:
    with detached.adopt(home, one) as first, detached.adopt(home, one) as second:
        waiting = threading.Thread(
            target=first.exec, args=(["sh", "-c", "until [ -e /go ]; do sleep 0.1; done"],)
        )
        waiting.start()
        large = second.exec(["head", "-c", "3000000", "/dev/zero"], timeout=60)
        assert large.stdout == bytes(3_000_000)
        assert abs(second.clock(60).offset_ns) < 60 * 10**9
        assert second.exec(["touch", "/go"], timeout=60).returncode == 0
        waiting.join(60)
        assert not waiting.is_alive()


def test_who_leaves_takes_his_commands_along(home, one) -> None:
    with detached.adopt(home, one) as other:
        process = other.popen(["sh", "-c", "while :; do echo 12345; done"], timeout=60)
        while process.waiting < 100_000:
            other.exec(["true"], timeout=60)
    with detached.adopt(home, one) as machine:
        code = "until ! ps | grep -v grep | grep -q 'echo 12345'; do sleep 0.1; done"
        assert machine.exec(["sh", "-c", code], timeout=60).returncode == 0


def test_a_name_is_given_once_and_what_runs_is_kept(home, one, rootfs) -> None:
    for words, code, line in (
        (("run", "-d", "--accelerator", "tcg", "--name", one, str(rootfs), "true"), 125, b"already in use"),
        (("run", "-d", "--name", "a/b", str(rootfs), "true"), 125, b"'a/b' is no name"),
        (("rm", one), 1, b"the machine one is running"),
        (("stop", "none"), 1, b"no such machine: none"),
        (("exec", "none", "true"), 1, b"no such machine: none"),
        (("kill", "-s", "NONE", one), 1, b"invalid signal: NONE"),
    ):
        done = call(home, *words)
        assert (done.returncode, len(done.stderr.splitlines())) == (code, 1), done
        assert line in done.stderr


def test_a_stopped_one_keeps_output_and_status_until_it_is_removed(home, one) -> None:
    assert call(home, "stop", one).stdout == b"one\n"
    shutil.rmtree(home.run)  # as the host's next start does
    logs = call(home, "logs", "-f", one)
    assert (logs.stdout, logs.stderr) == (b"out\ntold\n", b"err\n")
    assert call(home, "logs", "-n", "1", one).stdout == b"told\n"
    assert call(home, "ps").stdout.count(b"\n") == 1
    assert b" Exited (4) " in call(home, "ps", "-a").stdout
    assert call(home, "wait", one).stdout == b"4\n"
    with pytest.raises(HypervisorError, match="the machine one is not running"):
        detached.adopt(home, one)
    assert call(home, "exec", one, "true").returncode == 1
    assert call(home, "rm", one).stdout == b"one\n"
    with pytest.raises(NoSuchMachineError):
        detached.adopt(home, one)


def test_the_library_starts_and_finds_one_again(home, rootfs) -> None:
    spec = MachineSpec("vm-micro", rootfs, argv=("sh", "-c", CODE), accelerator=Accelerator.TCG)
    with Hypervisor(home) as hypervisor:
        hypervisor.start_detached(Order(spec, "image", "two"))
    with Hypervisor(home) as hypervisor:
        assert [record.name for record in hypervisor.machines()] == ["two"]
        with hypervisor.adopt("two") as machine:
            machine.kill(signal.SIGTERM, 60)
            assert machine.wait(60) == 4
    detached.remove(home, "two", force=False)


def test_who_attaches_gives_input_and_has_what_is_said_from_then_on(home, rootfs) -> None:
    code = "echo early; head -c 300000 >/dev/null; echo took"
    code += "; while read line; do echo got $line; [ $line = end ] && exit 7; done"
    words = ("run", "-d", "-i", "--rm", "--accelerator", "tcg", "--name", "fed", str(rootfs))
    assert call(home, *words, "sh", "-c", code).returncode == 0
    while call(home, "logs", "fed").stdout != b"early\n":
        pass
    with detached.adopt(home, "fed") as machine:
        machine.write(bytes(300_000), 60)  # more than may be on its way
    while call(home, "logs", "fed").stdout.count(b"\n") < 2:
        pass
    done = call(home, "attach", "fed", given=b"one\nend\n")
    assert (done.returncode, done.stdout, done.stderr) == (7, b"got one\ngot end\n", b"")
    assert call(home, "attach", "fed").stderr.startswith(b"tarevm: no such machine: fed")


def test_a_terminal_is_left_by_its_keys(home, rootfs) -> None:
    words = ("run", "-d", "-it", "--accelerator", "tcg", "--name", "typed", str(rootfs), "cat")
    assert call(home, *words).returncode == 0
    ours, theirs = pty.openpty()
    environment = {**os.environ, "TAREBENCH_ROOT": str(home.run.parent)}
    with subprocess.Popen([*TAREVM, "attach", "typed"], env=environment, stdin=theirs, stdout=theirs) as left:
        os.write(ours, b"said\n")
        heard = b""
        while heard.count(b"said") < 3:  # the host's terminal may still echo, the guest's does, and cat
            heard += os.read(ours, 1000)
            if heard.count(b"said") == 2:
                break
        os.write(ours, b"\x10\x11")
        assert left.wait(60) == 0
    os.close(ours)
    os.close(theirs)
    assert b" Up " in call(home, "ps").stdout
    assert call(home, "rm", "-f", "typed").returncode == 0


def test_one_whose_keeper_is_killed_has_ended(home, rootfs) -> None:
    spec = MachineSpec("vm-micro", rootfs, argv=("sleep", "999"), accelerator=Accelerator.TCG)
    detached.start(home, Order(spec, "image", "three"))
    ((qemu, _),) = qemu_processes(domain_prefix(home))
    _, record = detached.find(home, "three")
    end(record.keeper, signal.SIGKILL, 30)
    assert end(qemu, signal.SIGCONT, 30)
    (found,) = detached.machines(home)
    assert (found.status, found.fault) == (137, "its keeper was killed")
    with Hypervisor(home):
        pass
    assert [left for left in remains(home) if "detached" not in left] == []
    detached.remove(home, "three", force=False)


def test_one_that_has_stalled_takes_no_signal_and_is_killed(home, rootfs, monkeypatch, capsys) -> None:
    monkeypatch.setattr(kill, "_LIMIT", 0.2)
    spec = MachineSpec("vm-micro", rootfs, argv=("sleep", "999"), accelerator=Accelerator.TCG)
    for end_it in (
        lambda: kill.run(Namespace(signal="KILL", names=["stuck"]), home),
        lambda: detached.ended(home, "stuck", lambda machine: machine.stop(0.2)),
    ):
        detached.start(home, Order(spec, "image", "stuck"))
        ((qemu, _),) = qemu_processes(domain_prefix(home))
        os.kill(qemu, signal.SIGSTOP)
        assert kill.run(Namespace(signal="TERM", names=["stuck"]), home) == 1
        assert capsys.readouterr().err == "tarevm: the machine stuck takes no signal; use KILL\n"
        end_it()
        (found,) = detached.machines(home)
        assert found.status == 137
        detached.remove(home, "stuck", force=False)


def test_a_keeper_told_to_end_again_and_again_keeps_the_record(home, rootfs) -> None:
    spec = MachineSpec("vm-micro", rootfs, argv=("sleep", "999"), accelerator=Accelerator.TCG)
    detached.start(home, Order(spec, "image", "four"))
    _, record = detached.find(home, "four")
    keeper = os.pidfd_open(record.keeper)
    while not select.select([keeper], [], [], 0.001)[0]:
        with suppress(ProcessLookupError):
            signal.pidfd_send_signal(keeper, signal.SIGTERM)
    os.close(keeper)
    (found,) = detached.machines(home)
    assert (found.name, found.status) == ("four", 137)
    detached.remove(home, "four", force=False)


def test_a_start_that_fails_leaves_no_name(home, rootfs) -> None:
    spec = MachineSpec("vm-micro", rootfs, accelerator=Accelerator.TCG, hold=True, ready_timeout=1)
    with pytest.raises(HypervisorError.__base__, match="was not ready within 1 s"):
        detached.start(home, Order(spec, "image", "four"))
    assert detached.machines(home) == []
    assert directories(home, "detached") == []


def test_of_two_starts_at_once_under_one_name_one_is_told_so(home, rootfs) -> None:
    spec = MachineSpec("vm-micro", rootfs, argv=("sleep", "999"), accelerator=Accelerator.TCG)
    with ThreadPoolExecutor(2) as pool:
        tries = [pool.submit(detached.start, home, Order(spec, "image", "five")) for _ in range(2)]
    (fault,) = filter(None, [one.exception() for one in tries])
    assert str(fault).startswith("the machine name 'five' is already in use")
    with detached.adopt(home, "five") as machine:
        assert machine.exec(["true"], timeout=60).returncode == 0
    detached.remove(home, "five", force=True)
    assert directories(home, "detached") == []


def test_the_commands_of_the_document_run_as_written(home, rootfs) -> None:
    text = (Path(__file__).parents[2] / "docs/vm-connections.md").read_text()
    lines = re.findall(r"^\$ (.*tarevm .*)$", text, re.MULTILINE)
    assert lines
    for line in lines:
        words = line.replace("tarevm", shlex.join(TAREVM)).replace("busybox", str(rootfs))
        environment = {**os.environ, "TAREBENCH_ROOT": str(home.run.parent)}
        done = subprocess.run(["sh", "-c", words], env=environment, capture_output=True, check=False)
        assert (done.returncode, done.stderr) == (0, b""), (line, done.stderr)
    assert detached.machines(home) == []
