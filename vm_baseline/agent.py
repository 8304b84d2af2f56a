"""The host's end of the channel to the agent in the guest; docs/vm-guest.md has the frames."""

import contextlib
import itertools
import select
import socket
import subprocess
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from vm_baseline.command import Builtin, Command
from vm_baseline.deadline import Deadline
from vm_baseline.errors import HypervisorError
from vm_baseline.frames import Frame, Kind, Parser
from vm_baseline.guest_process import TAKEN_WITHIN, GuestProcess, NotSentError, Sink, Sinks
from vm_baseline.serial import Serial

_GONE = "the guest ended"
_KEPT = 16 << 20
_ROUNDS = 5
_LAST_DELIVERY = 2.0
"""Seconds that a reader has who takes no more."""
_WHENEVER = Deadline("the guest", None)
_LAST_NUMBER = 0xFFFF
_MARK = 0
_QUESTION = Frame(Kind.CLOCK, 0, _MARK.to_bytes(8, "little"))
"""Of a guest that was saved and goes on, the answer is the first sign."""


@dataclass(frozen=True)
class Clock:
    """The guest's clock as seen from here.

    Args:
        offset_ns: how much its CLOCK_REALTIME is ahead of the host's.
        uncertainty_ns: half the time the question took; the offset is off by no more.
        zero_ns: the host's monotonic ns at which the guest's own CLOCK_MONOTONIC began, as uncertain.
    """

    offset_ns: int
    uncertainty_ns: int
    zero_ns: int


@dataclass(frozen=True)
class _Relayed:
    """A process that somebody else has started over us."""

    take: Callable[[Frame], None]

    def arrive(self, frame: Frame, _: int) -> None:
        self.take(frame)


class Agent:
    """Runs processes in the guest, several at once.

    Args:
        path: of the socket QEMU will connect the channel to, made here; or a connection to a `Relay`.
        serial: whose thread reads the channel too.
        payload: for the standard output and error of the payload, each called in another thread with every
            piece; None where there is no payload.
    """

    def __init__(self, path: Path | socket.socket, serial: Serial, payload: Sinks | None = None) -> None:
        self.present_ns: int | None = None
        self.output = bytearray()
        self._changed = serial.changed
        self._parser = Parser()
        self._sending = threading.Lock()
        self._unsent = memoryview(b"")
        self._connection: socket.socket | None = None
        self._ended = ""
        self._numbers = itertools.count(1)
        self._processes: dict[int, GuestProcess | _Relayed] = {}
        self._marks = itertools.count(1)
        self._clocks: dict[int, tuple[int, int]] = {}
        self._sinks = payload
        self._delivery: threading.Thread | None = None
        self._renewal: tuple[Frame, ...] = ()
        self.payload: GuestProcess | None = None
        if payload is not None:
            self.payload = self._process(0, "the payload")
        self._ahead = 0
        self._begun = False
        serial.previewed = self._preview
        serial.attach(path, self._connected, self._received)

    def renew(self, frames: tuple[Frame, ...], payload: Sinks | None = None) -> None:
        """Make a guest that was saved another one as soon as it answers; it may not run before.

        Args:
            frames: for it, after its clock has been set.
            payload: as for a new agent.
        """
        with self._changed:
            if self.present_ns is not None:
                self._send(_QUESTION, _WHENEVER)
            self._renewal = frames
            self._sinks = payload
            if payload is not None:
                self.payload = self._process(0, "the payload")

    @property
    def present(self) -> bool:
        """Whether the agent in the guest answers."""
        return self.present_ns is not None and not self._ended

    def start(self, wanted: Command | Builtin, timeout: float | None = None) -> GuestProcess:
        """Start a process in the guest.

        Args:
            wanted: what to run.
            timeout: seconds to wait for the agent.

        Raises:
            subprocess.TimeoutExpired: the agent did not answer in time.
            HypervisorError: the guest has ended.
        """
        name = wanted.argv[0] if isinstance(wanted, Command) else wanted.name
        body, deadline = wanted.request(), Deadline(name, timeout)
        self.wait_present(deadline)
        with self._changed:
            number = self._next_number()
            process = self._process(number, name)
        self._send(Frame(Kind.RUN, number, body), deadline)
        return process

    def relay(self, request: bytes, arrive: Callable[[Frame], None]) -> int:
        """Start a process for somebody else; its number, under which `forward` reaches it.

        Args:
            request: the body of a RUN frame.
            arrive: called with each of its frames in the thread that reads them.
        """
        with self._changed:
            number = self._next_number()
            self._processes[number] = _Relayed(arrive)
        self.forward(Frame(Kind.RUN, number, request))
        return number

    def forward(self, frame: Frame) -> None:
        """Send a frame as it is.

        Raises:
            HypervisorError: the guest has ended.
        """
        self._send(frame, _WHENEVER)

    def guest_time(self, mark: bytes) -> bytes:
        """The body of the guest's answer to a CLOCK frame with that mark."""
        number = next(self._marks)
        self.forward(Frame(Kind.CLOCK, 0, number.to_bytes(8, "little")))
        self._await(lambda: number in self._clocks, _WHENEVER)
        real, monotonic = self._clocks.pop(number)
        return mark + b"".join(time.to_bytes(8, "little", signed=True) for time in (real, monotonic))

    def clock(self, timeout: float | None = None) -> Clock:
        """Ask the guest for its time a few times; the answer that took least is the best.

        Raises:
            subprocess.TimeoutExpired: no answer in time.
            HypervisorError: the guest has ended.
        """
        deadline = Deadline("the clock", timeout)
        self.wait_present(deadline)
        return min((self._ask_time(deadline) for _ in range(_ROUNDS)), key=lambda clock: clock.uncertainty_ns)

    def set_clock(self, step_ns: int) -> None:
        """Set the guest's CLOCK_REALTIME forward by so much, or back. Raises as `clock`."""
        self._send(_clock_step(step_ns), Deadline("the clock", TAKEN_WITHIN))

    def stop(self, deadline: Deadline) -> None:
        """Ask the guest to power off; it answers by ending.

        Raises:
            subprocess.TimeoutExpired: it took nothing until the deadline.
            HypervisorError: it has ended.
        """
        self._send(Frame(Kind.STOP, 0), deadline)

    def close(self) -> None:
        """Wait until the payload's output has been delivered, but not for ever; the serial line is closed."""
        with self._changed:
            self._ended = self._ended or _GONE
            self._changed.notify_all()
        with self._sending:
            if self._connection is not None:
                self._connection.close()
        if self._delivery is not None and self._delivery is not threading.current_thread():
            self._delivery.join(_LAST_DELIVERY)

    def _next_number(self) -> int:
        number = next(n for n in self._numbers if n not in self._processes)
        if number == _LAST_NUMBER:
            self._numbers = itertools.count(1)
        return number

    def _process(self, number: int, name: str) -> GuestProcess:
        process = GuestProcess(number, name, self._send, self._changed, lambda: self._ended)
        self._processes[number] = process
        return process

    def _connected(self, connection: socket.socket) -> None:
        # Our own descriptor, which stays what it is while somebody waits for it to take a frame.
        self._connection = connection.dup()
        # The end of a guest that has gone already is heard by reading.
        with contextlib.suppress(ConnectionError):
            connection.send(_QUESTION.packed())

    def _preview(self, data: bytes, at: int) -> None:
        """Take the channel's first bytes, unless they have come over it already."""
        if not self._begun:
            self._ahead = len(data)
            self._parse(data, at)

    def _received(self, data: bytes, at: int) -> None:
        """Take what the channel brings, nothing being its end; the condition is held."""
        if not data:
            self._ended = self._ended or _GONE
        self._begun = True
        known = min(self._ahead, len(data))
        self._ahead -= known
        self._parse(data[known:], at)

    def _parse(self, data: bytes, at: int) -> None:
        if self._ended:
            return
        try:
            for frame in self._parser.feed(data):
                self._take(frame, at)
        except ValueError as error:
            self._ended = self._ended or f"the guest's channel carries {error}"

    def _take(self, frame: Frame, at: int) -> None:
        if self.present_ns is None:
            self.present_ns = at
        if frame.kind == Kind.CLOCK and len(frame.body) == 24:
            mark, real, monotonic = (
                int.from_bytes(frame.body[i : i + 8], "little", signed=True) for i in (0, 8, 16)
            )
            if mark == _MARK:
                self._send_renewal(real, at)
            else:
                self._clocks[mark] = real, monotonic
        elif (process := self._processes.get(frame.number)) is not None:
            process.arrive(frame, at)
            if frame.kind == Kind.STATUS:
                del self._processes[frame.number]
            if process is self.payload and self._delivery is None and frame.kind != Kind.CREDIT:
                self._delivery = threading.Thread(target=self._deliver, name="tare-output", daemon=True)
                self._delivery.start()

    def _send_renewal(self, real: int, at: int) -> None:
        """The answer was on its way for a moment, by which the guest's clock will be ahead."""
        frames, self._renewal = self._renewal, ()
        if not frames:
            return
        step = time.time_ns() - (time.monotonic_ns() - at) - real
        deadline = Deadline("the renewal", _LAST_DELIVERY)
        try:
            for frame in (_clock_step(step), *frames):
                self._send(frame, deadline)
        except HypervisorError:
            pass  # its end is heard by reading
        except subprocess.TimeoutExpired:
            self._ended = self._ended or "the guest took nothing from its channel"

    def _deliver(self) -> None:
        assert self.payload is not None and self._sinks is not None

        def to(sink: Sink | None) -> Sink:
            def take(data: bytes) -> None:
                self.output += data[: max(_KEPT - len(self.output), 0)]
                if sink is not None:
                    sink(data)

            return take

        # The guest may end first, which whoever waits for it hears.
        with contextlib.suppress(HypervisorError):
            self.payload.communicate(None, to(self._sinks[0]), to(self._sinks[1]))
        with self._changed:
            self._changed.notify_all()

    def _ask_time(self, deadline: Deadline) -> Clock:
        mark = time.monotonic_ns()
        ahead = time.time_ns() - mark
        self._send(Frame(Kind.CLOCK, 0, mark.to_bytes(8, "little")), deadline)
        self._await(lambda: mark in self._clocks, deadline)
        # The wait ended a thread's wake-up after the answer, which is part of what the question took.
        half = (time.monotonic_ns() - mark) // 2
        real, monotonic = self._clocks.pop(mark)
        return Clock(real - (mark + half + ahead), half, mark + half - monotonic)

    def wait_present(self, deadline: Deadline) -> None:
        """Wait until the agent answers.

        Raises:
            subprocess.TimeoutExpired: it did not answer in time.
            HypervisorError: the guest has ended.
        """
        self._await(lambda: self.present_ns is not None, deadline)

    def _await(self, happened: Callable[[], bool], deadline: Deadline) -> None:
        with self._changed:
            if not self._changed.wait_for(lambda: happened() or bool(self._ended), deadline.left):
                raise deadline.missed()
            if not happened() or self._ended:
                raise HypervisorError(f"{self._ended} before {deadline.name} could run to its end")

    def _send(self, frame: Frame, deadline: Deadline) -> None:
        """Send a frame; the rest of one that was begun and not finished in time goes before the next."""
        left = deadline.left
        if not self._sending.acquire(timeout=-1 if left is None else left):
            raise deadline.missed(NotSentError)
        try:
            if not self._flush(deadline):
                raise deadline.missed(NotSentError)
            whole = self._unsent = memoryview(frame.packed())
            if not self._flush(deadline):
                if len(self._unsent) < len(whole):
                    raise deadline.missed()
                self._unsent = memoryview(b"")
                raise deadline.missed(NotSentError)
        except OSError as error:
            raise HypervisorError(f"the guest's channel is closed: {error.strerror}") from error
        finally:
            self._sending.release()

    def _flush(self, deadline: Deadline) -> bool:
        """Send what is unsent; whether the guest took it until the deadline."""
        if self._connection is None:
            raise HypervisorError("the guest's channel is not there")
        while self._unsent:
            try:
                sent = self._connection.send(self._unsent, socket.MSG_DONTWAIT)
                self._unsent = self._unsent[sent:]
            except BlockingIOError:
                poll, left = select.poll(), deadline.left
                poll.register(self._connection, select.POLLOUT)
                if not poll.poll(None if left is None else left * 1000):
                    return False
        return True


def _clock_step(step_ns: int) -> Frame:
    return Frame(Kind.SET_CLOCK, 0, step_ns.to_bytes(8, "little", signed=True))
