"""Copies between a container and our standard files, neither side waiting for the other."""

import errno
import os
import select
from collections.abc import Collection
from contextlib import suppress
from typing import TYPE_CHECKING, Protocol

from runtime.commandline import terminal
from tare.detaching import DetachKeys

if TYPE_CHECKING:
    from runtime.lifecycle.attach import Connection

_PACKET = 16383
"""Bytes of input that a monitor takes at once."""


class Channel(Protocol):
    """Where a container's output comes from and its input goes to."""

    def fileno(self) -> int:
        """What to poll."""

    def read(self) -> tuple[str, bytes] | None:
        """The next output as (`stdout` or `stderr`, bytes), when there is some; None at its end."""

    def write(self, data: bytes) -> int:
        """Give it input; how much of it was taken.

        Raises:
            BlockingIOError: it takes none now.
        """

    def end_input(self) -> None:
        """Let it see the end of its input.

        Raises:
            BlockingIOError: later.
        """

    def resize(self, rows: int, columns: int) -> None:
        """Tell it the size of its terminal."""


class Attached:
    """The channel of a container with a monitor.

    Args:
        connection: to that, attached.
    """

    def __init__(self, connection: "Connection") -> None:
        self._connection = connection
        # Read is only called when there is something.
        os.set_blocking(connection.fileno(), False)
        self.fileno = connection.fileno
        self.read = connection.read
        self.end_input = connection.end_input

    def write(self, data: bytes) -> int:
        """See Channel."""
        self._connection.write(data)
        return len(data)

    def resize(self, rows: int, columns: int) -> None:
        """See Channel."""
        # Where it takes nothing now, the next change of size will tell it.
        with suppress(BlockingIOError):
            self._connection.resize(rows, columns)


class Console:
    """The channel of a command that runs in a terminal of its own.

    Args:
        master: descriptor of the terminal's master.
    """

    def __init__(self, master: int) -> None:
        self._master = master
        os.set_blocking(master, False)

    def fileno(self) -> int:
        """See Channel."""
        return self._master

    def read(self) -> tuple[str, bytes] | None:
        """See Channel."""
        try:
            data = os.read(self._master, 65536)
        except BlockingIOError:
            return "stdout", b""
        except OSError as error:
            # Its last user is gone.
            if error.errno != errno.EIO:
                raise
            data = b""
        return ("stdout", data) if data else None

    def write(self, data: bytes) -> int:
        """See Channel."""
        return os.write(self._master, data)

    def end_input(self) -> None:
        """A terminal's input has no end."""

    def resize(self, rows: int, columns: int) -> None:
        """See Channel."""
        terminal.resize(self._master, rows, columns)


class Pump:
    """Copies between a channel and our standard files.

    Input waits in here while it isn't taken, so that output, for which that may wait, is read meanwhile.

    Args:
        channel: the container's.
        stdin: whether it gets our input.
        streams: which of its output we get.
        keys: what ends the copying when it is typed.
    """

    def __init__(
        self, channel: Channel, *, stdin: bool, streams: Collection[str], keys: DetachKeys | None = None
    ) -> None:
        self._channel = channel
        self._streams = streams
        self._keys = keys
        self._pending = b""
        self._has_input = stdin
        self._owes_end = False
        self._is_left = False

    def run(self) -> bool:
        """Copy to the end; whether the keys were typed instead."""
        poll = select.poll()
        theirs = self._channel.fileno()
        while not self._is_left:
            wants_out = bool(self._pending) or self._owes_end
            poll.register(theirs, select.POLLIN | (select.POLLOUT if wants_out else 0))
            if self._has_input and not self._pending:
                poll.register(0, select.POLLIN)
            else:
                with suppress(KeyError):
                    poll.unregister(0)
            ready = dict(poll.poll())
            if ready.get(theirs, 0) & ~select.POLLOUT and not self._take():
                return False
            if ready.get(theirs, 0) & select.POLLOUT:
                self._give()
            if 0 in ready:
                self._read()
        return True

    def _take(self) -> bool:
        """Write what the container said; whether more may come."""
        said = self._channel.read()
        if said is None:
            return False
        stream, data = said
        if stream in self._streams:
            _write(1 if stream == "stdout" else 2, data)
        return True

    def _read(self) -> None:
        try:
            data = os.read(0, _PACKET)
        except BlockingIOError:
            return
        except OSError:
            # A terminal that was hung up.
            data = b""
        self._has_input, self._owes_end = bool(data), not data
        if self._keys:
            data, self._is_left = self._keys.pass_on(data)
        self._pending = data
        self._give()

    def _give(self) -> None:
        with suppress(BlockingIOError):
            if self._pending:
                self._pending = self._pending[self._channel.write(self._pending) :]
            elif self._owes_end:
                self._channel.end_input()
                self._owes_end = False


def _write(descriptor: int, data: bytes) -> None:
    while data:
        try:
            data = data[os.write(descriptor, data) :]
        except BlockingIOError:
            # Whoever shares the descriptor with us doesn't want to wait; we do.
            select.select([], [descriptor], [])
