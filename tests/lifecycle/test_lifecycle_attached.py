"""What who starts a container sees of it, from its first byte to its exit status."""

import os
import subprocess
import sys
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor

import pytest

from runtime.errors import CommandNotFoundError
from runtime.lifecycle import RestartPolicy
from runtime.lifecycle.attach import Connection
from runtime.lifecycle.errors import NoSuchContainerError
from runtime.lifecycle.record import has_ended
from runtime.monitor import program

COUNT = 100_000
LINES = f"seq {COUNT}"


@pytest.fixture(params=["compiled", "python"])
def _monitor(request, monkeypatch) -> None:
    if request.param == "python":
        monkeypatch.setattr(program, "compiled", lambda: "")


def packets(connection: Connection) -> Iterator[tuple[str, bytes]]:
    while packet := connection.read():
        yield packet


def output(connection: Connection) -> bytes:
    return b"".join(data for _, data in packets(connection))


@pytest.mark.usefixtures("_monitor")
def test_all_output_and_the_exit_status(containers, settings) -> None:
    for code in (0, 7):
        identity = containers.create(settings("sh", "-c", f"echo out; echo err >&2; exit {code}"))
        with containers.start_attached(identity) as connection:
            found = list(packets(connection))
            assert sorted(found) == [("stderr", b"err\n"), ("stdout", b"out\n")]
            assert connection.exit == (code, False)
            containers.settle(identity)
        record = containers.find(identity)
        assert (record.status(), record.exit().code) == ("exited", code)
        assert not record.is_alive("monitor")


@pytest.mark.usefixtures("_monitor")
def test_nothing_is_lost_on_a_slow_reader(containers, settings) -> None:
    identity = containers.create(settings("sh", "-c", LINES))
    with containers.start_attached(identity) as connection:
        # Its end comes only once somebody reads, as its pipe is full.
        monitor = containers.find(identity).pidfd()
        try:
            assert not has_ended(monitor, 0.5)
        finally:
            os.close(monitor)
        assert output(connection).splitlines() == [b"%d" % number for number in range(1, COUNT + 1)]
        assert connection.exit == (0, False)
    logged = "".join(entry.text for entry in containers.logs(identity))
    assert logged.count("\n") == COUNT


@pytest.mark.usefixtures("_monitor")
def test_input_and_its_end(containers, settings) -> None:
    identity = containers.create(settings("sh", "-c", "cat; echo over", open_stdin=True))
    with containers.start_attached(identity) as connection:
        data = b"x" * 300_000
        thread = threading.Thread(target=lambda: (connection.write(data), connection.end_input()))
        thread.start()
        assert output(connection) == data + b"over\n"
        thread.join()


@pytest.mark.usefixtures("_monitor")
def test_a_client_that_stops_reading_holds_up_nobody_else(containers, settings) -> None:
    identity = containers.create(settings("sh", "-c", LINES + "; sleep 1000"))
    with containers.start_attached(identity) as connection:
        assert connection.read()[1].startswith(b"1\n2\n")
        containers.stop(identity, timeout=0)
        assert containers.wait(identity, timeout=30) == 137
        output(connection)
        assert connection.exit == (137, False)


def test_it_is_removed_by_who_started_it_or_else_by_its_monitor(containers, settings) -> None:
    first = containers.create(settings("true", auto_remove=True))
    with containers.start_attached(first) as connection:
        assert output(connection) == b""
        containers.settle(first)
        with pytest.raises(NoSuchContainerError):
            containers.find(first)
    second = containers.create(settings("true", auto_remove=True))
    with containers.start_attached(second) as connection:
        assert output(connection) == b""
        record = containers.find(second)
        monitor = record.pidfd("monitor")
    assert has_ended(monitor, 30)

    os.close(monitor)
    with pytest.raises(NoSuchContainerError):
        containers.find(second)


def test_who_waits_learns_the_status_of_one_that_is_removed_at_its_end(containers, settings) -> None:
    script = "read line; exit 5"
    with ThreadPoolExecutor(1) as executor:
        identity = containers.create(settings("sh", "-c", script, auto_remove=True, open_stdin=True))
        containers.start(identity)
        waiting = executor.submit(containers.wait, identity)
        with containers.attach(identity) as connection:
            connection.write(b"\n")
            assert output(connection) == b""
            assert connection.exit == (5, False)
        assert waiting.result(30) == 5


def test_a_failed_start_closes_the_connection(containers, settings) -> None:
    identity = containers.create(settings("nonsense"))
    with pytest.raises(CommandNotFoundError):
        containers.start_attached(identity)
    assert containers.find(identity).exit().code == 127


def test_one_that_runs_is_attached_to(containers, settings) -> None:
    identity = containers.run(settings("sh", "-c", "read line; echo $line", open_stdin=True))
    with containers.start_attached(identity) as connection:
        connection.write(b"hello\n")
        assert output(connection) == b"hello\n"
        assert connection.exit == (0, False)


def test_a_terminal_gets_its_size_before_the_first_byte(containers, settings) -> None:
    identity = containers.create(settings("sh", "-c", "read line; stty size", tty=True, open_stdin=True))
    with containers.start_attached(identity) as connection:
        connection.resize(33, 77)
        connection.write(b"\n")
        assert b"33 77" in output(connection)


def test_a_terminal_has_its_size_before_the_command_runs(containers, settings) -> None:
    identity = containers.create(settings("stty", "size", tty=True))
    with containers.start_attached(identity, (33, 77)) as connection:
        assert output(connection) == b"33 77\r\n"


def test_a_killed_starter_leaves_the_end_to_the_monitor(containers, settings, state) -> None:
    identity = containers.create(settings("sleep", "1000", auto_remove=True))
    script = (
        "import sys\nfrom pathlib import Path\nfrom runtime.lifecycle import Containers\n"
        "from tare.state import State\n"
        "with Containers(State.at(Path(sys.argv[1]))) as containers:\n"
        "    with containers.start_attached(sys.argv[2]) as connection:\n"
        "        print('ready', flush=True)\n        connection.read()\n"
    )
    command = (sys.executable, "-c", script, str(state.data.parent), identity)
    with subprocess.Popen(command, stdout=subprocess.PIPE) as starter:
        assert starter.stdout
        assert starter.stdout.readline() == b"ready\n"
        starter.kill()
    record = containers.find(identity)
    assert record.status() == "running"
    monitor = record.pidfd("monitor")
    containers.kill(identity)
    assert has_ended(monitor, 30)

    os.close(monitor)
    with pytest.raises(NoSuchContainerError):
        containers.find(identity)


def test_one_that_is_started_again_is_left_to_its_monitor(containers, settings) -> None:
    identity = containers.create(settings("false", restart=RestartPolicy("on-failure", 1)))
    with containers.start_attached(identity) as connection:
        assert output(connection) == b""
        monitor = containers.find(identity).pidfd("monitor")
        containers.settle(identity)
    assert has_ended(monitor, 30)

    os.close(monitor)
    assert containers.inspect(identity)["RestartCount"] == 1
