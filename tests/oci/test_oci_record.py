"""The commands of a container's life on a record that is made here, without control groups."""

import json
import os
import select
import signal
import subprocess
import threading
from contextlib import suppress
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from oci_box import COMMAND, MAIN, Box, hook, ran

from runtime.oci.commands import delete, kill, start
from runtime.oci.errors import OciError
from runtime.oci.record import Record, UnknownContainerError, names

pytest_plugins = ("oci_box",)

LIGHT = ("delete", "kill", "start", "state")


@pytest.fixture
def attended(created) -> tuple[Box, int]:
    """One whose start has hooks to see to, with the end at which the first process tells how it went."""
    box, _ = created
    (box.path / "attended").touch()
    os.mkfifo(box.path / "result.fifo")
    return box, os.open(box.path / "result.fifo", os.O_RDWR)


# state, list, ps


def test_state_follows_the_process(created):
    box, _ = created
    assert json.loads(box.ok("state", "box")) == {
        "ociVersion": "1.3.0",
        "id": "box",
        "status": "created",
        "pid": box.process.pid,
        "bundle": "/bundle",
    }
    Path(box.record.fifo).unlink()
    assert json.loads(box.ok("state", "box"))["status"] == "running"
    box.process.kill()
    os.waitid(os.P_PID, box.process.pid, os.WEXITED | os.WNOWAIT)
    assert json.loads(box.ok("state", "box"))["status"] == "stopped"
    box.process.wait()
    state = json.loads(box.ok("state", "box"))
    assert (state["status"], state["pid"]) == ("stopped", 0)


def test_process_with_the_same_id_but_another_start_is_not_the_containers(box):
    box.record.values["start_time"] -= 1
    box.record.write()
    assert json.loads(box.ok("state", "box"))["status"] == "stopped"
    assert "container not running" in box.fails("kill", "box", "KILL")
    assert box.process.poll() is None


@pytest.mark.parametrize("content", ["", "{", "[]", "null", '{"pid": "1"}', "\0", "[" * 100_000])
def test_unreadable_record_is_an_error_and_can_be_removed(box, content):
    (box.path / "state.json").write_text(content)
    for command in (["state"], ["start"], ["kill"], ["delete"], ["pause"], ["update", "--memory", "1m"]):
        assert "box" in box.fails(*command, "box")
    assert json.loads(box.run("list", "--format", "json").stdout) == []
    box.ok("delete", "--force", "box")
    assert not box.path.exists()


def test_directory_without_a_configuration_is_no_container_and_can_be_removed(box):
    (box.root / "empty").mkdir()
    for command in ("state", "start", "kill"):
        assert "does not exist" in box.fails(command, "empty")
    box.ok("delete", "--force", "empty")
    assert not (box.root / "empty").exists()


def test_list_shows_all_containers(box):
    Record(str(box.root), "aaa").make(b"{}")
    (box.root / "file").touch()
    assert box.ok("list", "-q") == "aaa\nbox\n"
    first, second = json.loads(box.ok("list", "--format", "json"))
    assert (first["id"], first["status"], first["pid"]) == ("aaa", "creating", 0)
    assert second == {
        "ociVersion": "1.3.0",
        "id": "box",
        "pid": box.process.pid,
        "status": "running",
        "bundle": "/bundle",
        "rootfs": "/bundle/rootfs",
        "created": "2030-01-02T03:04:05Z",
        "owner": "root",
    }
    header, _, line = box.ok("list").splitlines()
    assert header.split() == ["ID", "PID", "STATUS", "BUNDLE", "CREATED", "OWNER"]
    assert line.split() == ["box", str(box.process.pid), "running", "/bundle", "2030-01-02T03:04:05Z", "root"]


def test_list_of_nothing(box):
    box.record.remove()
    assert box.ok("list", "-q") == ""
    assert json.loads(box.ok("list", "--format=json")) == []
    assert box.ok("--root", str(box.root / "none"), "list").split()[0] == "ID"
    box.fails("list", "--format", "xml")


def test_commands_that_need_control_groups_say_so(box):
    for command in (["pause"], ["resume"], ["update", "--memory", "1m"], ["ps"], ["stats"]):
        assert "control groups" in box.fails(*command, "box")


# start


def test_start_gives_the_go_once(created):
    box, fifo = created
    box.ok("start", "box")
    assert len(os.read(fifo, 10)) == 1
    assert "already running" in box.fails("start", "box")
    with pytest.raises(BlockingIOError):
        os.read(fifo, 10)


def test_start_of_what_has_stopped_is_an_error(box):
    os.mkfifo(box.record.fifo)
    box.end()
    assert "stopped" in box.fails("start", "box")
    assert json.loads(box.ok("state", "box"))["status"] == "stopped"
    Record(str(box.root), "half").make(b"{}")
    assert "created" in box.fails("start", "half")


def test_one_of_many_starts_succeeds(created, options):
    box, fifo = created
    outcomes = []

    def begin() -> None:
        try:
            start.start(Record.load(str(box.root), "box"), options)
            outcomes.append(True)
        except OciError:
            outcomes.append(False)

    threads = [threading.Thread(target=begin) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(outcomes) == [False] * 7 + [True]
    assert len(os.read(fifo, 10)) == 1


def answer(box: Box, fifo: int, result: int, text: bytes) -> threading.Thread:
    """Do as a first process does: await the go, say how it went, leave."""

    def act() -> None:
        select.select([fifo], [], [], 20)
        os.write(result, text)
        os.close(result)

    thread = threading.Thread(target=act)
    thread.start()
    return thread


def test_poststart_hooks_run_after_the_command_does(created, attended):
    box, result = attended
    log = box.root.parent / "hooks"
    box.configure(hooks={"poststart": [hook(f"cat > {log}")]})
    thread = answer(box, created[1], result, b"")
    box.ok("start", "box")
    thread.join()
    state = json.loads(log.read_text())
    assert (state["status"], state["pid"], state["id"]) == ("running", box.process.pid, "box")
    assert box.process.poll() is None


def test_command_that_cant_run_is_an_error_and_the_container_is_gone(created, attended):
    box, result = attended
    log = box.root.parent / "hooks"
    box.configure(
        hooks={"poststart": [hook(f"echo start >> {log}")], "poststop": [hook(f"echo stop >> {log}")]}
    )
    thread = answer(box, created[1], result, b"no such file: /bin/none\n")
    assert "no such file: /bin/none" in box.fails("start", "box")
    thread.join()
    assert box.process.wait() == -signal.SIGKILL
    assert not box.path.exists()
    assert ran(log) == ["stop"]


def test_failed_poststart_hook_is_an_error_and_the_container_is_gone(created, attended):
    box, result = attended
    log = box.root.parent / "hooks"
    box.configure(
        hooks={
            "poststart": [hook("echo why >&2; exit 3"), hook(f"echo next >> {log}")],
            "poststop": [hook(f"echo stop >> {log}")],
        }
    )
    thread = answer(box, created[1], result, b"")
    assert "poststart hook /bin/sh failed with exit status 3: why" in box.fails("start", "box")
    thread.join()
    assert box.process.wait() == -signal.SIGKILL
    assert (box.path.exists(), ran(log)) == (False, ["stop"])


# kill


@pytest.mark.parametrize("given", [["USR1"], ["SIGUSR1"], ["usr1"], ["10"]])
def test_kill_sends_the_signal(box, given):
    box.ok("kill", "box", *given)
    assert box.process.wait() == -signal.SIGUSR1


def test_kill_sends_term_unless_told(box):
    box.ok("kill", "--all", "box")
    assert box.process.wait() == -signal.SIGTERM
    assert "container not running" in box.fails("kill", "box")


def test_kill_of_what_is_no_container_or_signal(box):
    assert "does not exist" in box.fails("kill", "none")
    assert "unknown signal" in box.fails("kill", "box", "NOSUCH")
    Record(str(box.root), "half").make(b"{}")
    assert "container not running: creating" in box.fails("kill", "half", "KILL")
    assert box.process.poll() is None


@given(st.sampled_from(list(signal.Signals)))
def test_signal_is_known_by_name_and_number(number):
    for text in (number.name, number.name[3:].lower(), str(int(number))):
        assert kill.signal_number(text) == number


@given(st.integers(0, 14))
def test_realtime_signal_is_known_by_its_distance(distance):
    assert kill.signal_number(f"RTMIN+{distance}") == signal.SIGRTMIN + distance
    assert kill.signal_number(f"SIGRTMAX-{distance}") == signal.SIGRTMAX - distance


@given(st.text())
def test_signal_is_a_number_in_range_or_an_error(text):
    with suppress(OciError):
        assert 0 <= kill.signal_number(text) <= 64


# delete


def test_delete_refuses_what_is_not_stopped(created):
    box, _ = created
    assert "not stopped" in box.fails("delete", "box")
    assert (box.process.poll(), box.path.exists()) == (None, True)
    Path(box.record.fifo).unlink()
    assert "not stopped" in box.fails("delete", "box")


def test_delete_removes_what_has_stopped_and_runs_poststop_hooks(box, options):
    log = box.root.parent / "hooks"
    box.configure(
        hooks={
            "poststop": [hook(f"cat > {log}; test ! -e {box.path}"), hook("exit 3"), hook(f"echo >> {log}")]
        }
    )
    box.end()
    box.ok("--log", options.log, "delete", "box")
    assert list(box.root.iterdir()) == []
    state, rest = log.read_text().split("}")
    assert json.loads(state + "}")["status"] == "stopped"
    assert rest == "\n"
    assert "level=warning" in Path(options.log).read_text()
    assert "exit status 3" in Path(options.log).read_text()
    assert "does not exist" in box.fails("delete", "box")
    box.ok("delete", "--force", "box")


def test_forced_delete_ends_the_process(box):
    box.ok("delete", "-f", "box")
    assert box.process.wait() == -signal.SIGKILL
    assert list(box.root.iterdir()) == []


def test_container_whose_creator_died_is_removed_by_force(box):
    half = Record(str(box.root), "half")
    half.make(b"{}")
    assert "creating" in box.fails("delete", "half")
    box.ok("delete", "--force", "half")
    assert list(names(str(box.root))) == ["box"]


def test_delete_awaits_the_creator(box, options):
    half = Record(str(box.root), "half")
    half.make(b"{}")
    thread = threading.Thread(target=delete.end, args=(half, options))
    with half.lock():
        thread.start()
        thread.join(0.1)
        assert thread.is_alive()
        assert Path(half.path).exists()
    thread.join()
    assert not Path(half.path).exists()


def test_many_deletes_at_once(box, options):
    log = box.root.parent / "hooks"
    box.configure(hooks={"poststop": [hook(f"echo once >> {log}")]})
    processes = [
        subprocess.Popen([*COMMAND, "-c", MAIN, "--root", str(box.root), "delete", "--force", "box"])
        for _ in range(4)
    ]
    assert [process.wait() for process in processes] == [0] * 4
    assert ran(log) == ["once"]
    assert list(box.root.iterdir()) == []


def test_lock_is_not_had_on_a_container_that_was_removed_meanwhile(box):
    errors = []

    def wait() -> None:
        try:
            with Record(str(box.root), "box").lock():
                pass
        except UnknownContainerError as error:
            errors.append(error)

    thread = threading.Thread(target=wait)
    with box.record.lock():
        thread.start()
        thread.join(0.1)
        box.record.remove()
    thread.join()
    assert len(errors) == 1


def test_lock_is_free_after_its_context_though_a_child_has_the_descriptor(box):
    with box.record.lock():
        process = os.fork()
        if process == 0:
            select.select([], [], [])
    try:
        box.ok("delete", "--force", "box")
    finally:
        os.kill(process, signal.SIGKILL)
        os.waitpid(process, 0)


# what a command costs


@pytest.mark.parametrize("command", sorted(LIGHT))
def test_command_imports_nothing_slow(box, command):
    if command == "delete":
        box.end()
    arguments = [*COMMAND, "-X", "importtime", "-c", MAIN, "--root", str(box.root), command, "box"]
    done = subprocess.run(arguments, capture_output=True, text=True, check=False)
    modules = {
        line.split("|")[-1].strip() for line in done.stderr.splitlines() if line.startswith("import time")
    }
    assert "runtime.oci.record" in modules
    assert not modules & {
        "ctypes",
        "enum",
        "re",
        "json",
        "signal",
        "socket",
        "subprocess",
        "contextlib",
        "typing",
    }
