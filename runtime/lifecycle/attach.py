"""The monitor's socket: output, input, and the end of the container; see runtime/monitor/attach.c."""

import os
import select
import struct
from contextlib import suppress
from types import TracebackType
from typing import Self

from runtime.lifecycle.record import Record
from runtime.light import socket

_PACKET = 16385
_INPUT = 16383


class Connection:
    """A connection to a container's monitor, readable when there is output or the container has ended.

    Args:
        record: the container; one without a monitor gives a connection that is over.
        connected: a socket that its monitor has the other end of, in place of a new connection.

    Attributes:
        exit: its exit status and whether memory ran out, once `read` has come to its end.
    """

    def __init__(self, record: Record, connected: socket.socket | None = None) -> None:
        self._socket: socket.socket | None = connected or _connect(record.path)
        self.exit: tuple[int, bool] | None = None

    def fileno(self) -> int:
        """The descriptor to poll; -1 when there is no monitor."""
        return self._socket.fileno() if self._socket else -1

    def attach(self) -> None:
        """Ask for output from now on."""
        self._send(b"a")

    def write(self, data: bytes) -> None:
        """Give the container input; waits where it doesn't read it."""
        for start in range(0, len(data), _INPUT):
            self._send(b"i" + data[start : start + _INPUT])

    def end_input(self) -> None:
        """Let the container see the end of its input."""
        self._send(b"e")

    def resize(self, rows: int, columns: int) -> None:
        """Tell the container the size of its terminal."""
        self._send(b"w" + struct.pack("=HH", rows, columns))

    def read(self) -> tuple[str, bytes] | None:
        """The next output as (`stdout` or `stderr`, bytes); None once the container has ended.

        A monitor that lets go of a client which doesn't read looks like the end, without an `exit`.
        """
        if not self._socket or self.exit:
            return None
        try:
            packet = self._socket.recv(_PACKET)
        except ConnectionError:
            packet = b""
        if packet[:1] == b"x":
            code, _, is_out_of_memory = packet[1:].partition(b" ")
            self.exit = int(code), is_out_of_memory == b"1"
            return None
        return ("stdout" if packet[:1] == b"o" else "stderr", packet[1:]) if packet else None

    def await_end(self, timeout: float | None) -> bool:
        """Whether the container ends within `timeout` seconds; for connections without output."""
        if not self._socket:
            return True
        poll = select.poll()
        poll.register(self._socket, select.POLLIN)
        return bool(poll.poll(None if timeout is None else max(timeout, 0) * 1000))

    def _send(self, packet: bytes) -> None:
        # The end is for the reader to see.
        with suppress(ConnectionError):
            if self._socket:
                self._socket.send(packet, socket.MSG_NOSIGNAL)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, value: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def close(self) -> None:
        """Let go of it; the container goes on."""
        if self._socket:
            self._socket.close()
            self._socket = None


def _connect(directory: str) -> socket.socket | None:
    # Through the descriptor, as the directory's path may be longer than an address can be; see unix(7).
    try:
        place = os.open(directory, os.O_PATH | os.O_DIRECTORY | os.O_CLOEXEC)
    except FileNotFoundError:
        return None
    connection = socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET | socket.SOCK_CLOEXEC)
    try:
        connection.connect(f"/proc/self/fd/{place}/attach")
    except OSError:
        connection.close()
        return None
    finally:
        os.close(place)
    return connection
