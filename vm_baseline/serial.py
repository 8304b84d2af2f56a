"""The host's ends of a guest's lines, read by one thread that stamps every arrival at once."""

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
_Receiver = Callable[[bytes, int], object]


class Serial:
    """Listens where QEMU will connect its serial port, so that no byte is lost, and watches QEMU's end.

    All times are `time.monotonic_ns()` values, None until the event.

    Args:
        path: of the socket, made here; None where there is no serial line, only others.
        nonce: of this instance.
        sink: called in the reading thread with each piece of what is said after the ready line.
    """

    def __init__(self, path: Path | None, nonce: str, sink: Callable[[bytes], None] | None = None) -> None:
        self.first_byte_ns: int | None = None
        self.loader_ns: int | None = None
        self.kernel_ns: int | None = None
        """The kernel began its first line."""
        self.ready_line_ns: int | None = None
        """The ready line began."""
        self.ready_ns: int | None = None
        """The ready line was complete."""
        self.first_output_ns: int | None = None
        self.gone_ns: int | None = None
        self.transcript = Transcript(nonce)
        self.changed = threading.Condition()
        self.previewed: Callable[[bytes, int], None] | None = None
        """Called as `received` of the channel would be, with its first bytes if they come over this line."""
        self._sink = sink
        self._line_ns = 0
        self.abandoned = False
        """Whether the process it depends on has ended."""
        self._process: int | None = None
        self._support: int | None = None
        self._listeners: dict[int, tuple[socket.socket, Callable[[socket.socket], None], _Receiver]] = {}
        self._connections: dict[int, tuple[socket.socket, _Receiver]] = {}
        self._closing = os.eventfd(0, os.EFD_CLOEXEC)
        self._poll = select.epoll()
        self._poll.register(self._closing, select.EPOLLIN)
        self._thread = threading.Thread(target=self._read, name="tare-serial", daemon=True)
        if path is not None:
            try:
                self.listen(path, lambda _: None, self._note)
            except OSError:
                self._poll.close()
                os.close(self._closing)
                raise
        self._thread.start()

    def listen(self, path: Path, connected: Callable[[socket.socket], None], received: _Receiver) -> None:
        """Let the same thread read another line.

        Args:
            path: of its socket, made here.
            connected: called with the connection before anything is received.
            received: called with each piece and its time, the condition held, and with nothing at the end.
        """
        listener = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        try:
            listener.bind(str(path))
            listener.listen(1)
        except OSError:
            listener.close()
            raise
        self._listeners[listener.fileno()] = listener, connected, received
        self._poll.register(listener, select.EPOLLIN)

    def attach(
        self, line: Path | socket.socket, connected: Callable[[socket.socket], None], received: _Receiver
    ) -> None:
        """The same as `listen`, or for a connection that is there already."""
        if isinstance(line, Path):
            self.listen(line, connected, received)
            return
        self._connections[line.fileno()] = line, received
        connected(line)
        self._poll.register(line, select.EPOLLIN)

    def watch(self, process: int) -> None:
        """Stamp the end of a process; takes over its pidfd."""
        self._process = process
        self._poll.register(process, select.EPOLLIN)

    def depend(self, process: int) -> None:
        """Kill the watched process when this one ends, as nobody else would; takes over its pidfd."""
        self._support = process
        self._poll.register(process, select.EPOLLIN)

    def kill(self, number: signal.Signals) -> None:
        """Send a signal to the watched process, if it still runs."""
        if self._process is not None:
            with contextlib.suppress(ProcessLookupError):
                signal.pidfd_send_signal(self._process, number)

    def wait(self, happened: Callable[[], bool], timeout: float | None) -> bool:
        """Wait until something holds, looking anew at each arrival; False when the time is over before."""
        with self.changed:
            return self.changed.wait_for(happened, timeout)

    def close(self) -> None:
        """End the thread and close every descriptor; may be called twice."""
        if self._poll.closed:
            return
        os.eventfd_write(self._closing, 1)
        self._thread.join()
        self._poll.close()
        for number in list(self._connections):
            self._end(number)
        for listener, *_ in self._listeners.values():
            listener.close()
        os.close(self._closing)
        for process in (self._process, self._support):
            if process is not None:
                os.close(process)

    def _read(self) -> None:
        while True:
            for number, _ in self._poll.poll():
                if number == self._closing:
                    return
                if number == self._process:
                    self._poll.unregister(number)
                    self._lose(time.monotonic_ns())
                elif number == self._support:
                    self._poll.unregister(number)
                    self._abandon(time.monotonic_ns())
                elif number in self._listeners:
                    self._accept(number)
                elif number in self._connections:
                    self._receive(number)

    def _accept(self, number: int) -> None:
        listener, connected, received = self._listeners.pop(number)
        self._poll.unregister(number)
        connection, _ = listener.accept()
        listener.close()
        self._connections[connection.fileno()] = connection, received
        connected(connection)
        self._poll.register(connection, select.EPOLLIN)

    def _receive(self, number: int) -> None:
        connection, received = self._connections[number]
        try:
            data = connection.recv(_CHUNK)
        except ConnectionError:
            data = b""
        now = time.monotonic_ns()
        new = None
        with self.changed:
            if data:
                new = received(data, now)
            else:
                self._end(number)
                if self._process is None and not self._connections:
                    self.gone_ns = self.gone_ns or now
            self.changed.notify_all()
        if isinstance(new, bytes) and new and self._sink is not None:
            self._sink(new)

    def _end(self, number: int) -> None:
        connection, received = self._connections.pop(number)
        with self.changed:
            received(b"", time.monotonic_ns())
            self.changed.notify_all()
        connection.shutdown(socket.SHUT_RDWR)  # also for who waits to send
        connection.close()

    def _abandon(self, now: int) -> None:
        self.abandoned = True
        self.kill(signal.SIGKILL)
        if self._process is None:
            for number in list(self._connections):
                self._end(number)
            with self.changed:
                self.gone_ns = self.gone_ns or now
                self.changed.notify_all()

    def _lose(self, now: int) -> None:
        """The process has ended at that time, and its last words come before its end."""
        for number, (listener, *_) in list(self._listeners.items()):
            if select.select([listener], [], [], 0)[0]:
                self._accept(number)
        while self._connections:
            self._receive(next(iter(self._connections)))
        with self.changed:
            for _, _, received in self._listeners.values():
                received(b"", now)
            self.gone_ns = now
            self.changed.notify_all()

    def _note(self, data: bytes, now: int) -> bytes:
        return b"".join(self._note_line(part, now) for part in data.splitlines(keepends=True) or [data])

    def _note_line(self, data: bytes, now: int) -> bytes:
        """Take a line, or what has come of one."""
        began = self._line_ns or now
        self._line_ns = 0 if data.endswith((b"\n", b"\r")) else began
        had_preview = self.transcript.preview is not None
        new = self.transcript.feed(data)
        if self.transcript.preview is not None and not had_preview and self.previewed is not None:
            self.previewed(self.transcript.preview, now)
        if data and self.first_byte_ns is None:
            self.first_byte_ns = now
        if self.transcript.loader and self.loader_ns is None:
            self.loader_ns = now
        if self.transcript.kernel and self.kernel_ns is None:
            self.kernel_ns = self._line_ns or now
        if self.transcript.ready and self.ready_ns is None:
            self.ready_line_ns, self.ready_ns = began, now
        if new and self.first_output_ns is None:
            self.first_output_ns = now
        return new
