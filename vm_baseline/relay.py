"""One guest's channel for several: whoever connects speaks its frames as if it were the guest's."""

import contextlib
import socket
import threading
from collections.abc import Iterator
from pathlib import Path
from queue import SimpleQueue

from vm_baseline.agent import Agent
from vm_baseline.errors import HypervisorError
from vm_baseline.frames import Frame, Kind, Parser

_CHUNK = 65536
_LAST_SEND = 2.0
"""Seconds that a client has who takes no more."""
_KILL = bytes((9, 1))
_FOR_PAYLOAD = (Kind.SIGNAL, Kind.SIZE)


class Relay:
    """Listens until it is closed.

    Args:
        path: of the socket, made here.
        agent: to which frames are passed on.
    """

    def __init__(self, path: Path, agent: Agent) -> None:
        self._agent = agent
        self._clients: set[_Client] = set()
        self._listener = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        self._listener.bind(str(path))
        self._listener.listen(64)
        threading.Thread(target=self._accept, name="tare-relay", daemon=True).start()

    def close(self, status: int) -> None:
        """Tell everybody the payload's exit status, and hang up."""
        self._listener.shutdown(socket.SHUT_RDWR)
        self._listener.close()
        for client in list(self._clients):
            client.close(status)

    def _accept(self) -> None:
        with contextlib.suppress(OSError):  # it was closed
            while True:
                connection, _ = self._listener.accept()
                client = _Client(connection, self._agent)
                self._clients.add(client)
                threading.Thread(target=self._serve, args=(client,), daemon=True).start()

    def _serve(self, client: "_Client") -> None:
        client.serve()
        self._clients.discard(client)


class _Client:
    """One connection; its numbers of processes are its own."""

    def __init__(self, connection: socket.socket, agent: Agent) -> None:
        self._connection = connection
        self._agent = agent
        self._guests: dict[int, int] = {}
        self._to_send: SimpleQueue[tuple[int, Frame] | None] = SimpleQueue()
        self._input: SimpleQueue[bytes | None] | None = None
        self._hung_up = False
        self._sender = threading.Thread(target=self._send_all, daemon=True)
        self._sender.start()

    def close(self, status: int) -> None:
        """Send the last frame and hang up, unless nobody takes it."""
        self._guests.clear()
        self._to_send.put((0, Frame(Kind.STATUS, 0, status.to_bytes(4, "little"))))
        self._sender.join(_LAST_SEND)

    def serve(self) -> None:
        """Pass frames on until it hangs up; what it started is killed then."""
        with contextlib.suppress(ValueError):
            for frame in self._frames():
                # Of a guest that has ended everybody is told once that is on record.
                with contextlib.suppress(HypervisorError):
                    self._take(frame)
        self._hung_up = True
        if self._input is not None:
            self._input.put(None)
        with contextlib.suppress(HypervisorError):
            for number in list(self._guests.values()):
                self._agent.forward(Frame(Kind.SIGNAL, number, _KILL))
        self._to_send.put(None)
        self._sender.join()
        self._connection.close()

    def _frames(self) -> Iterator[Frame]:
        parser = Parser()
        with contextlib.suppress(ConnectionError):
            while data := self._connection.recv(_CHUNK):
                yield from parser.feed(data)

    def _take(self, frame: Frame) -> None:
        if frame.kind == Kind.RUN:
            own = frame.number
            self._guests[own] = self._agent.relay(frame.body, lambda answer: self._pass(own, answer))
        elif frame.kind == Kind.CLOCK:
            self._to_send.put((0, Frame(Kind.CLOCK, 0, self._agent.guest_time(frame.body))))
        elif frame.kind in (Kind.STOP, Kind.SET_CLOCK) or (frame.number == 0 and frame.kind in _FOR_PAYLOAD):
            self._agent.forward(frame)
        elif frame.number == 0 and frame.kind == Kind.INPUT:
            self._take_input(frame.body)
        elif frame.number in self._guests:
            self._agent.forward(Frame(frame.kind, self._guests[frame.number], frame.body))

    def _take_input(self, data: bytes) -> None:
        """The payload may take none for long, and other frames don't wait for that."""
        if self._input is None:
            self._input = SimpleQueue()
            threading.Thread(target=self._give_input, args=(self._input,), daemon=True).start()
        self._input.put(data)

    def _give_input(self, pieces: "SimpleQueue[bytes | None]") -> None:
        payload = self._agent.payload
        with contextlib.suppress(HypervisorError):
            while payload is not None and (data := pieces.get()) is not None:
                payload.write(data)
                self._to_send.put((0, Frame(Kind.CREDIT, 0, len(data).to_bytes(4, "little"))))

    def _pass(self, own: int, frame: Frame) -> None:
        """Called by the thread that reads the guest's lines, which must not wait."""
        self._to_send.put((frame.number, Frame(frame.kind, own, frame.body)))
        if frame.kind == Kind.STATUS:
            self._guests.pop(own, None)
            self._to_send.put(None)

    def _send_all(self) -> None:
        """Send; what nobody takes any more is taken here, for a process ends only once it has said all."""
        while not self._hung_up or self._guests or not self._to_send.empty():
            if (item := self._to_send.get()) is None:
                continue
            number, frame = item
            try:
                self._connection.sendall(frame.packed())
                if frame.kind == Kind.STATUS and frame.number == 0:
                    self._connection.shutdown(socket.SHUT_RDWR)
            except OSError:
                if frame.kind in (Kind.OUTPUT, Kind.ERRORS):
                    with contextlib.suppress(HypervisorError):
                        size = len(frame.body).to_bytes(4, "little")
                        self._agent.forward(Frame(Kind.CREDIT, number, size))
