"""A process of the launcher's, as the engine's callers see it."""

import os
import select
import threading
import time
from collections.abc import Callable
from contextlib import suppress

from runtime import wire
from runtime.errors import EngineError, setup_error
from runtime.light import signal, socket
from tare.errors import TareError


class Process:
    """A process of the launcher's, followed over its channel.

    Attributes:
        console: master of its terminal once it has sent it, which whoever takes it closes; -1 without.
    """

    def __init__(self) -> None:
        self._channel: socket.socket | None = None
        self._changed = threading.Condition()
        self._is_read = False
        self._is_over = False
        self._pid = 0
        self._pidfd = -1
        self._created_ns = 0
        self._completed_ns = 0
        self._exited_ns = 0
        self._status: int | None = None
        self._failure: TareError | None = None
        self.console = -1

    def attach(self, channel: socket.socket) -> None:
        """Follow the process over a channel, before the launcher is asked for it over the other end."""
        self._channel = channel

    def go(self) -> None:
        """Let the process go past where it waits for what is made from outside."""
        if self._channel:
            self._channel.send(b"g", socket.MSG_NOSIGNAL)

    def give_up(self) -> None:
        """Have a process that waits to go on end.

        Raises:
            TareError: it had failed by itself before.
        """
        if self._channel:
            # Not by closing it: the launcher would take the container for released and remove it as well.
            with suppress(OSError):
                self._channel.send(b"x", socket.MSG_NOSIGNAL)
        self._follow(lambda: self._failure)
        if self._failure:
            raise self._failure

    @property
    def pid(self) -> int:
        """Process id on the host."""
        self._await_created()
        return self._pid

    @property
    def pidfd(self) -> int:
        """The pidfd, valid until the container is removed."""
        self._await_created()
        return self._pidfd

    @property
    def created_ns(self) -> int:
        """When the process was cloned, in nanoseconds of the monotonic clock."""
        self._await_created()
        return self._created_ns

    @property
    def exited_ns(self) -> int | None:
        """When its end was seen, in nanoseconds of the monotonic clock; None before it was waited for."""
        return self._exited_ns or None

    def _await_created(self) -> None:
        self._follow(lambda: self._pid)
        if not self._pid:
            raise self._failure or EngineError("the container has ended", "start another one")

    def await_complete(self) -> None:
        """Wait until the process has built all it is to run in.

        Raises:
            TareError: a step of the start failed, or it has ended.
        """
        self._follow(lambda: self._completed_ns or self._failure)
        if self._failure or self._status is not None:
            raise self._failure or EngineError("the container has ended", "start another one")

    def await_console(self) -> int:
        """The master of its terminal.

        Raises:
            TareError: a step of the start failed, or it has ended.
        """
        self._follow(lambda: self.console >= 0 or self._failure)
        if self.console < 0:
            raise self._failure or EngineError("the process has ended", "start another one")
        return self.console

    def await_exit(self, timeout: float | None) -> int:
        """The exit status, 128+n for a signal.

        Raises:
            TimeoutError: still running after `timeout` seconds.
            TareError: a step of the start failed.
        """
        self._follow(lambda: False, None if timeout is None else time.monotonic() + timeout)
        if self._failure:
            raise self._failure
        if self._status is None:
            raise EngineError("the container is removed", "start another one")
        return self._status

    def end(self) -> None:
        """Have the launcher kill it and remove what it left, and wait for that.

        Nothing that was received before is needed, as an interrupt may have lost it.
        """
        if self._channel:
            with suppress(OSError):
                self._channel.shutdown(socket.SHUT_WR)
        self._read(lambda: False, None)

    def _follow(self, is_reached: Callable[[], object], deadline: float | None = None) -> None:
        """Take in messages until the condition holds or it has ended.

        Raises:
            TimeoutError: the deadline passed.
        """
        self._read(lambda: is_reached() or self._status is not None, deadline)

    def _read(self, is_reached: Callable[[], object], deadline: float | None) -> None:
        """Take in messages until the condition holds or none will come; one thread reads for all.

        Raises:
            TimeoutError: the deadline passed.
        """
        with self._changed:
            while not is_reached() and self._channel and not self._is_over:
                left = None if deadline is None else max(deadline - time.monotonic(), 1e-6)
                if self._is_read:
                    if not self._changed.wait(left):
                        raise TimeoutError("the container still runs")
                    continue
                channel, self._is_read = self._channel, True
                try:
                    self._changed.release()
                    received = _receive(channel, left)
                finally:
                    # First, as an interrupt may come right after the lock is held.
                    self._is_read = False
                    self._changed.acquire()
                    self._changed.notify_all()
                self._take(received)

    def _await_end(self) -> None:
        """See to the end of a process whose launcher is gone, and which that takes along."""
        if self._pidfd >= 0:
            poll = select.poll()
            poll.register(self._pidfd, select.POLLIN)
            poll.poll()

    def _take(self, received: tuple[object, list[int]] | None) -> None:
        if received is None:
            self._is_over = True
            if self._status is not None:
                return
            self._await_end()
            self._status = 128 + signal.SIGKILL
            self._failure = self._failure or EngineError("the launcher process is gone", "start a new engine")
            return
        message, descriptors = received
        match message:
            case ("created", int(pid), int(created)):
                self._pid, self._created_ns, self._pidfd = pid, created, descriptors[0]
            case ("complete", int(completed)):
                self._completed_ns = completed
            case ("failed", str(step), int(number), str(detail)):
                self._failure = setup_error(step, number, detail)
            case ("console",):
                self.console = descriptors[0]
            case ("cleared",):
                self._is_over = True
                # What was said of its end may have been lost by an interrupt.
                self._status = 128 + signal.SIGKILL if self._status is None else self._status
            case ("exited", int(code), int(ended)):
                self._status = code if code >= 0 else 128 - code
                self._exited_ns = ended

    def close(self) -> None:
        """Let go of the channel, which kills the process, and of the pidfd."""
        with self._changed:
            if self._channel:
                self._channel.close()
                self._channel = None
            # Forgotten first, as an interrupt in between must not have it closed again.
            descriptor, self._pidfd = self._pidfd, -1
            if descriptor >= 0:
                os.close(descriptor)


class Detached(Process):
    """The first process of a detached container, followed until it runs its command; see Engine.detach."""

    def await_command(self) -> None:
        """Wait until the command runs and the monitor watches it.

        Raises:
            TareError: a step of the start failed.
        """
        self._follow(lambda: False)
        if self._failure or not self._pid:
            raise self._failure or EngineError("the launcher process is gone", "start a new engine")

    def _take(self, received: tuple[object, list[int]] | None) -> None:
        if received is None:
            self._is_over, self._status = True, 0
        else:
            super()._take(received)


def _receive(channel: socket.socket, timeout: float | None) -> tuple[object, list[int]] | None:
    channel.settimeout(timeout)
    try:
        return wire.receive_packet(channel)
    except ConnectionResetError:
        return None
