"""Processes killed at bad moments, and several at work on one container."""

import os
import signal
import subprocess
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from pathlib import Path

import pytest

from runtime.clean import clean
from runtime.lifecycle import Containers, RestartPolicy
from runtime.lifecycle.errors import NameTakenError, NoSuchContainerError
from tare.errors import TareError

STARTER = """\
import sys
from pathlib import Path
from runtime import ContainerSpec
from runtime.lifecycle import Containers, Networking, Settings
from tare.state import State
containers = Containers(State.at(Path(sys.argv[1])))
spec = ContainerSpec(Path(sys.argv[2]), ("sleep", "1000"))
print("ready", flush=True)
for number in range(100):
    containers.run(Settings(spec, image=str(number), networking=Networking("none")))
"""


def test_it_outlives_who_started_it(containers, run, state) -> None:
    identity = run("sleep", "1000")
    launcher = containers.engine._launcher
    os.kill(launcher.pid, signal.SIGKILL)
    launcher.wait()
    assert containers.find(identity).status() == "running"
    containers.close()
    with Containers(state) as others, others.exec(identity, ["true"]) as execution:
        assert execution.wait() == 0


def test_without_its_monitor_it_is_dead(containers, run, killed) -> None:
    identity = run("sleep", "1000", restart=RestartPolicy("always"))
    record = containers.find(identity)
    killed(record.state["monitor"])
    assert containers.wait(identity, timeout=30) == 137
    state = containers.inspect(identity)["State"]
    assert (state["Status"], state["ExitCode"]) == ("exited", 137)
    assert state["Error"] == "the container's monitor was killed"
    containers.start(identity)
    assert containers.find(identity).status() == "running"


def test_without_its_first_process_it_has_ended(containers, run, killed) -> None:
    identity = run("sleep", "1000")
    killed(containers.find(identity).state["pid"])
    assert containers.wait(identity, timeout=30) == 137
    assert containers.inspect(identity)["State"]["Error"] == ""


def test_a_process_with_its_number_is_not_taken_for_it(containers, run) -> None:
    identity = run("sleep", "0")
    containers.wait(identity)
    record = containers.find(identity)
    record.state |= {"pid": os.getpid(), "monitor": os.getpid()}
    assert record.status() == "exited"


def test_a_starter_killed_at_any_time_leaves_containers_whole(state, image, containers) -> None:
    for delay in (0.0, 0.005, 0.013, 0.028, 0.051, 0.083):
        with subprocess.Popen(
            [sys.executable, "-c", STARTER, str(state.data.parent), str(image)], stdout=subprocess.PIPE
        ) as starter:
            starter.stdout.readline()
            time.sleep(delay)
            starter.kill()
    records = containers.list(every=True)
    assert records
    for record in records:
        with record.lock():
            assert record.status() in ("created", "running", "exited")
        containers.start(record.id)
        with containers.exec(record.id, ["true"]) as execution:
            assert execution.wait() == 0
        containers.remove(record.id, force=True)


def test_a_monitor_killed_on_its_way_up_leaves_nothing_running(containers, settings) -> None:
    identity = containers.create(settings("sleep", "1000"))
    for delay in (0.0, 0.002, 0.004, 0.008, 0.016):
        with ThreadPoolExecutor(1) as executor:
            starting = executor.submit(containers.start, identity)
            time.sleep(delay)
            record = containers.find(identity)
            if pid := record.state.get("monitor"):
                with suppress(ProcessLookupError):
                    os.kill(pid, signal.SIGKILL)
            with suppress(TareError):
                starting.result(30)
        containers.stop(identity)
        assert containers.find(identity).status() in ("created", "exited")
        assert containers.wait(identity, timeout=30) in (0, 125, 137)


def test_many_may_want_the_same_at_once(containers, settings, state) -> None:
    identity = containers.create(settings("sleep", "1000"), name="box")

    def attempt(number: int) -> None:
        action = (containers.start, containers.stop, containers.kill, containers.restart)[number % 4]
        with suppress(TareError):
            action("box")

    with ThreadPoolExecutor(4) as executor:
        list(executor.map(attempt, range(40)))
    containers.stop("box")
    assert containers.find(identity).status() == "exited"
    containers.start("box")
    with containers.exec("box", ["true"]) as execution:
        assert execution.wait() == 0


def test_many_are_started_and_removed_at_once(containers, settings) -> None:
    with ThreadPoolExecutor(4) as executor:
        identities = list(executor.map(lambda _: containers.run(settings("sleep", "1000")), range(20)))
        assert len({record.name for record in containers.list()}) == 20
        list(executor.map(lambda identity: containers.remove(identity, force=True), identities))
    assert containers.list(every=True) == []


def test_one_name_is_given_once(containers, settings) -> None:
    def attempt(_: int) -> bool:
        try:
            containers.create(settings("true"), name="box")
        except NameTakenError:
            return False
        return True

    with ThreadPoolExecutor(4) as executor:
        assert sum(executor.map(attempt, range(20))) == 1
    assert len(containers.list(every=True)) == 1


def test_removal_by_several_succeeds_once(containers, run) -> None:
    identity = run("sleep", "1000")

    def attempt(_: int) -> bool:
        try:
            containers.remove(identity, force=True)
        except NoSuchContainerError:
            return False
        return True

    with ThreadPoolExecutor(4) as executor:
        assert sum(executor.map(attempt, range(8))) == 1


def test_what_was_half_made_is_swept_away(containers, settings, state) -> None:
    directory = state.data / "containers2"
    (directory / f".{'0' * 64}").mkdir()
    (directory / f".{'0' * 64}" / "container.json").touch()
    (directory / "names" / "ghost").symlink_to("1" * 64)
    identity = containers.create(settings("true"), name="ghost")
    containers.remove(identity)
    assert not list(directory.glob(".*"))


def test_a_spoilt_record_is_one_line_and_can_be_removed(containers, run) -> None:
    identity = run("true")
    containers.wait(identity)
    path = Path(containers.find(identity).path, "state.json")
    for text in ("", "[]", "{"):
        path.write_text(text)
        with pytest.raises(TareError, match="can't read state.json"):
            containers.find(identity)
    path.write_text("{}")


def test_clean_ends_what_would_start_again(containers, run, state) -> None:
    identity = run("sleep", "1000", restart=RestartPolicy("always"))
    removed = clean(state)
    assert any(line.startswith(f"container {identity[:12]}") for line in removed)
    assert containers.find(identity).status() == "exited"
