"""A person at a terminal: a command on a pseudoterminal of a given size, typed at and read from."""

import fcntl
import os
import select
import struct
import subprocess
import termios
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager

# A shell script that does what is typed; an interactive shell would edit lines itself.
OBEY = 'echo ready; while read -r line; do eval "$line"; done'
_TIMEOUT = 30.0


class Terminal:
    """The terminal's user side and the command on it.

    Args:
        master: the descriptor of the user's side.
        process: the command.
    """

    def __init__(self, master: int, process: subprocess.Popen) -> None:
        self._master = master
        self._process = process
        self.text = ""

    def type(self, text: str) -> None:
        """Press these keys."""
        os.write(self._master, text.encode())

    def resize(self, rows: int, columns: int) -> None:
        """Make the window another size, which the command hears as SIGWINCH."""
        _set_size(self._master, rows, columns)

    def expect(self, text: str) -> None:
        """Read until a text has come; it and all before it are gone from `text` then."""
        self.read_until(text)

    def read_until(self, text: str) -> str:
        """What came before a text, and is gone from `text` then."""
        deadline = time.monotonic() + _TIMEOUT
        while text not in self.text:
            assert self._read(deadline), f"no {text!r} but {self.text!r}"
        before, _, self.text = self.text.partition(text)
        return before

    def expect_size(self, rows: int, columns: int) -> None:
        """Ask who obeys for the size until it is this one; clients pass it on some time after the start."""
        deadline = time.monotonic() + _TIMEOUT
        seen = ""
        while seen != f"{rows} {columns}":
            assert time.monotonic() < deadline, f"the size is {seen}"
            self.type('echo "size $(stty size 2>/dev/null)."\n')
            self.expect("\nsize ")
            seen = self.read_until(".\r")

    def wait(self) -> int:
        """Read to the end; the command's exit status."""
        deadline = time.monotonic() + _TIMEOUT
        while self._read(deadline):
            pass
        return self._process.wait(max(0.0, deadline - time.monotonic()))

    def _read(self, deadline: float) -> bool:
        ready, _, _ = select.select([self._master], [], [], max(0.0, deadline - time.monotonic()))
        assert ready, f"silence after {self.text!r}"
        try:
            data = os.read(self._master, 65536)
        except OSError:  # EIO: nobody has the other side open any more, see pty(7).
            return False
        self.text += data.decode()
        return bool(data)


@contextmanager
def terminal(
    popen: Callable[..., subprocess.Popen], *arguments: str, size: tuple[int, int] = (24, 80)
) -> Iterator[Terminal]:
    """Start a client's command as the leader of a session of its own whose terminal is new.

    Args:
        popen: starts the command, `Client.popen`.
        arguments: of the command.
        size: rows and columns of the terminal.
    """
    master, slave = os.openpty()
    try:
        _set_size(master, *size)
        process = popen(
            *arguments,
            stdin=slave,
            stdout=slave,
            stderr=slave,
            preexec_fn=lambda: _lead(0),
        )
    finally:
        os.close(slave)
    try:
        yield Terminal(master, process)
    finally:
        os.close(master)
        process.kill()
        process.wait()


def _lead(descriptor: int) -> None:
    os.setsid()
    fcntl.ioctl(descriptor, termios.TIOCSCTTY, 0)


def _set_size(descriptor: int, rows: int, columns: int) -> None:
    fcntl.ioctl(descriptor, termios.TIOCSWINSZ, struct.pack("4H", rows, columns, 0, 0))
