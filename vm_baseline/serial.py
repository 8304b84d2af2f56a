"""The guest's serial line, read by a thread that stamps every arrival at once."""

import contextlib
import os
import select
import signal
import socket
import threading
import time
from collections.abc import Callable
from pathlib import Path

from vm_baseline.transcript import Transcript

_CHUNK = 65536


class Serial:
    """Listens where QEMU will connect its serial port, so that no byte is lost, and watches QEMU's end.

    All times are `time.monotonic_ns()` values, None until the event.

    Args:
        path: of the socket, made here.
        nonce: of this instance.
        sink: called in the reading thread with each piece of payload output.
    """

    def __init__(self, path: Path, nonce: str, sink: Callable[[bytes], None] | None = None) -> None:
        self.first_byte_ns: int | None = None
        self.ready_ns: int | None = None
        self.first_output_ns: int | None = None
        self.exit_ns: int | None = None
        self.gone_ns: int | None = None
        self.transcript = Transcript(nonce)
        self._sink = sink
        self._changed = threading.Condition()
        self._listener = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        self._listener.bind(str(path))
        self._listener.listen(1)
        self._connection: socket.socket | None = None
        self._process: int | None = None
        self._closing = os.eventfd(0, os.EFD_CLOEXEC)
        self._poll = select.epoll()
        for descriptor in (self._listener.fileno(), self._closing):
            self._poll.register(descriptor, select.EPOLLIN)
        self._thread = threading.Thread(target=self._read, name="tare-serial", daemon=True)
        self._thread.start()

    def watch(self, process: int) -> None:
        """Stamp the end of a process; takes over its pidfd."""
        self._process = process
        self._poll.register(process, select.EPOLLIN)

    def kill(self, number: signal.Signals) -> None:
        """Send a signal to the watched process, if it still runs."""
        if self._process is not None:
            with contextlib.suppress(ProcessLookupError):
                signal.pidfd_send_signal(self._process, number)

    def wait(self, happened: Callable[[], bool], timeout: float | None) -> bool:
        """Wait until something holds, looking anew at each arrival; False when the time is over before."""
        with self._changed:
            return self._changed.wait_for(happened, timeout)

    def close(self) -> None:
        """End the thread and close every descriptor; may be called twice."""
        if self._poll.closed:
            return
        os.eventfd_write(self._closing, 1)
        self._thread.join()
        self._poll.close()
        self._listener.close()
        os.close(self._closing)
        if self._connection is not None:
            self._connection.close()
        if self._process is not None:
            os.close(self._process)

    def _read(self) -> None:
        while True:
            for descriptor, _ in self._poll.poll():
                if descriptor == self._closing:
                    return
                if descriptor == self._listener.fileno():
                    self._connection, _ = self._listener.accept()
                    self._poll.unregister(descriptor)
                    self._poll.register(self._connection, select.EPOLLIN)
                elif descriptor == self._process:
                    now = time.monotonic_ns()
                    self._poll.unregister(descriptor)
                    while self._connection is not None and self._receive(self._connection):
                        pass  # its last words come before its end
                    with self._changed:
                        self.gone_ns = now
                        self._changed.notify_all()
                elif self._connection is not None:
                    self._receive(self._connection)

    def _receive(self, connection: socket.socket) -> bool:
        """Take what has arrived; whether there may be more."""
        try:
            data = connection.recv(_CHUNK)
        except ConnectionError:
            data = b""
        now = time.monotonic_ns()
        if not data:
            self._poll.unregister(connection)
            connection.close()
            self._connection = None
        with self._changed:
            new = self._note(data, now)
            if not data and self._process is None:
                self.gone_ns = self.gone_ns or now
            self._changed.notify_all()
        if new and self._sink is not None:
            self._sink(new)
        return bool(data)

    def _note(self, data: bytes, now: int) -> bytes:
        new = self.transcript.feed(data)
        if data and self.first_byte_ns is None:
            self.first_byte_ns = now
        if self.transcript.ready and self.ready_ns is None:
            self.ready_ns = now
        if new and self.first_output_ns is None:
            self.first_output_ns = now
        if self.transcript.status is not None and self.exit_ns is None:
            self.exit_ns = now
        return new
