"""Guests that have stalled and take nothing from their channel hold up nobody who wants their end."""

import fcntl
import os
import signal
import socket
import subprocess
import termios
from array import array
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor

import pytest

from vm_baseline import Machine
from vm_baseline.agent import Agent
from vm_baseline.command import Command
from vm_baseline.errors import HypervisorError
from vm_baseline.frames import PIECE, WINDOW, Frame, Kind, Parser
from vm_baseline.serial import Serial

LIMIT = 60
SHORT = 0.2
ENDS: dict[str, Callable[[Machine], None]] = {
    "stop": lambda machine: machine.stop(SHORT),
    "destroy": Machine.destroy,
    "remove": Machine.remove,
}


def has_unread(connection: socket.socket) -> bool:
    unread = array("i", [0])
    fcntl.ioctl(connection, termios.TIOCOUTQ, unread)
    return bool(unread[0])


@pytest.fixture
def machine(shared_hypervisor, spec) -> Iterator[Machine]:
    """Its QEMU is stopped, and less than a frame fits between us and that."""
    machine = shared_hypervisor.start(
        spec("vm-micro", "sh", "-c", "cat >/dev/null; exit 3", has_input=True, env={"PATH": "/bin"})
    )
    try:
        assert machine.exec(["true"], timeout=LIMIT).returncode == 0
        machine.agent._connection.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, 4096)
        os.kill(machine.pid, signal.SIGSTOP)
        yield machine
    finally:
        machine.remove()


@pytest.fixture
def writer(machine) -> Iterator[Future[None]]:
    """Holds the channel amid a frame."""
    with ThreadPoolExecutor(1) as pool:
        writer = pool.submit(machine.write, bytes(4 * PIECE))
        try:
            while not has_unread(machine.agent._connection):
                assert not writer.done()
            yield writer
        finally:
            machine.destroy()


@pytest.mark.parametrize("end", ENDS)
def test_it_is_ended_and_whoever_writes_to_it_hears_of_that(machine, writer, end) -> None:
    with ThreadPoolExecutor(1) as pool:
        pool.submit(ENDS[end], machine).result(LIMIT)
    assert machine.exited_ns is not None
    with pytest.raises(HypervisorError, match="the guest's channel is closed"):
        writer.result(LIMIT)


def test_nobody_waits_longer_than_asked_and_all_goes_on_with_the_guest(machine, writer) -> None:
    for ask in (
        lambda: machine.kill(signal.SIGTERM, SHORT),
        lambda: machine.resize(30, 100, SHORT),
        lambda: machine.exec(["true"], timeout=SHORT),
        lambda: machine.clock(SHORT),
    ):
        with pytest.raises(subprocess.TimeoutExpired):
            ask()
    assert not writer.done()
    os.kill(machine.pid, signal.SIGCONT)
    writer.result(LIMIT)
    assert machine.exec(["echo", "in step"], timeout=LIMIT).stdout == b"in step\n"
    machine.close_stdin()
    assert machine.wait(LIMIT) == 3


def test_what_was_begun_and_given_up_goes_before_what_comes_next(machine) -> None:
    with pytest.raises(subprocess.TimeoutExpired):
        machine.write(bytes(PIECE), SHORT)
    with pytest.raises(subprocess.TimeoutExpired):
        machine.exec(["cat"], stdin=bytes(PIECE), timeout=SHORT)
    os.kill(machine.pid, signal.SIGCONT)
    assert machine.exec(["echo", "in step"], timeout=LIMIT).stdout == b"in step\n"


def test_a_guest_that_is_paused_is_stopped_in_time(shared_hypervisor, spec) -> None:
    machine = shared_hypervisor.start(spec("vm-micro", "sleep", "999"))
    machine.exec(["true"], timeout=LIMIT)
    shared_hypervisor.connection.call("suspend", name=machine.name)
    with ThreadPoolExecutor(1) as pool:
        pool.submit(machine.stop, SHORT).result(LIMIT)
    assert machine.exited_ns is not None
    machine.remove()


def test_an_end_that_takes_long_keeps_libvirt_from_nothing(machine, monkeypatch) -> None:
    monkeypatch.setattr(machine._ends.monitor, "powered_off_ns", 1)
    with pytest.raises(subprocess.TimeoutExpired):
        machine.wait(SHORT)
    assert machine._connection.call("version", limit=LIMIT)


@pytest.fixture
def ends(tmp_path) -> Iterator[tuple[Agent, socket.socket, Serial]]:
    """An agent, the guest's end of its channel, and the line beside that."""
    serial = Serial(tmp_path / "serial", "0123")
    ours, theirs = socket.socketpair()
    agent = Agent(ours, serial)
    theirs.sendall(Frame(Kind.HELLO, 0).packed())
    yield agent, theirs, serial
    serial.close()
    agent.close()
    theirs.close()


def test_input_that_was_not_sent_counts_for_nothing(ends) -> None:
    agent, guest, _ = ends
    process = agent.start(Command(("cat",)), LIMIT)
    agent._connection.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, 4096)
    arrived, parser = [], Parser()

    def take(count: int) -> None:
        while len(arrived) < count:
            arrived.extend(parser.feed(guest.recv(65536)))

    take(2)
    for _ in range(2 * WINDOW // PIECE):
        with pytest.raises(subprocess.TimeoutExpired):
            process.write(bytes(PIECE), 0.001)
    with ThreadPoolExecutor(1) as pool:
        reader = pool.submit(take, 2 + WINDOW // PIECE)
        process.write(bytes(WINDOW - PIECE), LIMIT)  # all that may be on its way but the piece begun before
        reader.result(LIMIT)
    assert [frame.kind for frame in arrived] == [Kind.CLOCK, Kind.RUN] + [Kind.INPUT] * (WINDOW // PIECE)


def test_whoever_waits_to_send_hears_of_our_own_end(ends) -> None:
    agent, _, serial = ends
    process = agent.start(Command(("cat",)), LIMIT)
    agent._connection.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, 4096)
    with ThreadPoolExecutor(1) as pool:
        writer = pool.submit(process.write, bytes(PIECE))
        while not agent._sending.locked():
            assert not writer.done()
        serial.close()
        with pytest.raises(HypervisorError):
            writer.result(LIMIT)
