"""Our own streams, signals and terminal, lent to a machine's payload."""

import contextlib
import os
import signal
import subprocess
import termios
import threading
import tty
from collections.abc import Callable
from contextlib import ExitStack
from types import TracebackType
from typing import Protocol, Self

from tare.errors import UsageError
from vm_baseline.errors import HypervisorError, NotReadyError

_PASSED = frozenset(
    (
        signal.SIGHUP,
        signal.SIGINT,
        signal.SIGQUIT,
        signal.SIGTERM,
        signal.SIGUSR1,
        signal.SIGUSR2,
        signal.SIGWINCH,
    )
)
_FATAL = _PASSED - {signal.SIGWINCH}
_PIECE = 65536


class Followed(Protocol):
    """What can be given our streams: the payload of a machine, or a command in one that runs."""

    def wait_ready(self) -> int:
        """Wait until it can be given anything."""

    def wait(self) -> int:
        """Wait until it has ended; its exit status."""

    def destroy(self) -> None:
        """End it at once."""

    def kill(self, signal: int, timeout: float | None, /) -> None:
        """Send it a signal."""

    def resize(self, rows: int, columns: int, timeout: float | None, /) -> None:
        """Set the size of its terminal."""

    def write(self, data: bytes, /) -> None:
        """Give it input."""

    def close_stdin(self) -> None:
        """End its input."""


class Foreground:
    """A context in which a payload has our streams.

    Args:
        tty: it has a terminal, and ours is raw.
        interactive: it has our standard input.

    Raises:
        UsageError: our standard input is to be its terminal and is none.
    """

    def __init__(self, *, tty: bool, interactive: bool) -> None:
        if tty and interactive and not os.isatty(0):
            raise UsageError("the input device is not a TTY", "leave -t away")
        self._tty = tty
        self._interactive = interactive
        self._undo = ExitStack()
        self.size = terminal_size() if tty else None

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, value: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._undo.close()

    def output(self, data: bytes) -> None:
        """Pass on what the payload says; nobody may be there to read it."""
        _write(1, data)

    def errors(self, data: bytes) -> None:
        """The same for its standard error."""
        _write(2, data)

    def follow(self, start: Callable[[], "Followed"]) -> int:
        """Start a machine, and give its payload what we are told and typed until it ends; its exit status.

        Raises:
            NotReadyError: the guest was not ready in time.
            HypervisorError: it ended without telling the payload's status.
        """
        # Before the threads of the machine are there, which would take them.
        signal.pthread_sigmask(signal.SIG_BLOCK, _PASSED)
        self._undo.callback(signal.pthread_sigmask, signal.SIG_UNBLOCK, _PASSED)
        machine = start()
        told: list[int] = []
        threading.Thread(target=self._pass_signals, args=(machine, told), daemon=True).start()
        try:
            machine.wait_ready()
            if self._tty and self._interactive:
                before = termios.tcgetattr(0)
                tty.setraw(0, termios.TCSANOW)
                self._undo.callback(termios.tcsetattr, 0, termios.TCSADRAIN, before)
            if self._interactive:
                threading.Thread(target=_pass_input, args=(machine,), daemon=True).start()
            return machine.wait()
        except (HypervisorError, NotReadyError):
            if not told:
                raise
            return 128 + told[0]

    def _pass_signals(self, machine: "Followed", told: list[int]) -> None:
        while True:
            number = signal.sigwait(_PASSED)
            try:
                if number != signal.SIGWINCH:
                    machine.kill(number, 0)
                elif self._tty:
                    machine.resize(*terminal_size(), 0)
            except subprocess.TimeoutExpired:
                # Nobody in there can take it yet.
                if number in _FATAL:
                    told.append(number)
                    machine.destroy()
            except HypervisorError:
                return


def terminal_size() -> tuple[int, int]:
    """Rows and columns of ours, or what a terminal usually has."""
    for descriptor in (0, 1, 2):
        with contextlib.suppress(OSError):
            columns, rows = os.get_terminal_size(descriptor)
            if rows and columns:
                return rows, columns
    return 24, 80


def _pass_input(machine: "Followed") -> None:
    with contextlib.suppress(HypervisorError, OSError):
        while data := os.read(0, _PIECE):
            machine.write(data)
        machine.close_stdin()


def _write(descriptor: int, data: bytes) -> None:
    with contextlib.suppress(BrokenPipeError):
        while data:
            data = data[os.write(descriptor, data) :]
