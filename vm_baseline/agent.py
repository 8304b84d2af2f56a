"""The host's end of the channel to the agent in the guest (guest/agent.sh has the protocol)."""

import contextlib
import itertools
import socket
import subprocess
import threading
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import BinaryIO

from vm_baseline.errors import HypervisorError

_Reply = tuple[int, bytes, bytes]


class Agent:
    """Runs commands in the guest, several at once if asked from several threads.

    Args:
        path: of the socket QEMU will connect the channel to, made here.
    """

    def __init__(self, path: Path) -> None:
        self._listener = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        self._listener.bind(str(path))
        self._listener.listen(1)
        self._connection: socket.socket | None = None
        self._ids = itertools.count(1)
        self._replies: dict[int, _Reply] = {}
        self._changed = threading.Condition()
        self._sending = threading.Lock()
        self._present = False
        self._ended = False
        self._thread = threading.Thread(target=self._read, name="tare-agent", daemon=True)
        self._thread.start()

    @property
    def present(self) -> bool:
        """Whether the agent in the guest listens."""
        return self._present and not self._ended

    def run(
        self, argv: Sequence[str], script: str, stdin: bytes, timeout: float | None
    ) -> subprocess.CompletedProcess[bytes]:
        """Run a shell script in the guest.

        Args:
            argv: what it stands for, to be named in the result.
            script: as text.
            stdin: its input.
            timeout: seconds, the wait for the agent included.

        Raises:
            subprocess.TimeoutExpired: it took longer; it was killed.
            HypervisorError: the guest ended before or while.
        """
        deadline = None if timeout is None else time.monotonic() + timeout
        self._await(lambda: self._present, argv, timeout, deadline)
        number = next(self._ids)
        code = f"echo $$ > /.tare/run/{number}.pid\n{script}".encode(errors="surrogateescape")
        self._send(b"run %d %d %d\n" % (number, len(code), len(stdin)) + code + stdin)
        try:
            self._await(lambda: number in self._replies, argv, timeout, deadline)
        except subprocess.TimeoutExpired:
            self._send(b"kill %d\n" % number)
            raise
        status, output, errors = self._replies.pop(number)
        return subprocess.CompletedProcess(list(argv), status, output, errors)

    def stop(self) -> None:
        """Ask the guest to power off; it answers by ending."""
        self._send(b"stop\n")

    def close(self) -> None:
        """End the thread and close the sockets; may be called twice."""
        for end in (self._listener, self._connection):
            if end is not None and end.fileno() >= 0:
                with contextlib.suppress(OSError):  # the other side may have hung up already
                    end.shutdown(socket.SHUT_RDWR)
        self._thread.join()
        self._listener.close()
        if self._connection is not None:
            self._connection.close()

    def _send(self, data: bytes) -> None:
        assert self._connection is not None
        try:
            with self._sending:
                self._connection.sendall(data)
        except OSError as error:
            raise HypervisorError(f"the guest's command channel is closed: {error.strerror}") from error

    def _await(self, happened: Callable[[], bool], argv: Sequence[str], timeout: float | None,
               deadline: float | None) -> None:  # fmt: skip
        with self._changed:
            left = None if deadline is None else max(deadline - time.monotonic(), 0)
            if not self._changed.wait_for(lambda: happened() or self._ended, left):
                raise subprocess.TimeoutExpired(list(argv), timeout or 0)
            if not happened():
                raise HypervisorError(f"the guest ended before {argv[0]} could run to its end")

    def _read(self) -> None:
        try:
            self._connection, _ = self._listener.accept()
            with self._connection.makefile("rb") as stream:
                while line := stream.readline():
                    self._take(line, stream)
        except (OSError, ValueError):
            pass  # closed, or cut off in the middle of a reply: both are the end
        with self._changed:
            self._ended = True
            self._changed.notify_all()

    def _take(self, line: bytes, stream: BinaryIO) -> None:
        if line == b"hello\n":
            with self._changed:
                self._present = True
                self._changed.notify_all()
            return
        number, status, output, errors = map(int, line.split())
        reply = status, stream.read(output), stream.read(errors)
        with self._changed:
            self._replies[number] = reply
            self._changed.notify_all()
