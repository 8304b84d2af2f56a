"""A seccomp agent for tests: what a profile's `listenerPath` leads to."""

import array
import fcntl
import json
import os
import select
import socket
import struct
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path

from oci_socket import bind

# See seccomp_unotify(2): the requests to receive a notification and to answer it, and their structures.
RECEIVE, SEND = 0xC0502100, 0xC0182101
NOTIFICATION, ANSWER = struct.Struct("=QIIiIQ6Q"), struct.Struct("=QqiI")


@dataclass
class Agent:
    """A seccomp agent: keeps what its one connection sent, and answers every notification with an error."""

    path: Path
    error: int
    states: list[dict] = field(default_factory=list)
    descriptors: list[int] = field(default_factory=list)
    closed: bool = False

    def serve(self, server: socket.socket) -> None:
        try:
            connection, _ = server.accept()
        except OSError:
            return
        text, listeners = "", []
        with connection:
            connection.settimeout(1)
            with suppress(TimeoutError):
                while not self.closed:
                    data, received, _, _ = socket.recv_fds(connection, 1 << 16, 8)
                    self.closed = not data
                    self.descriptors += [len(received)] if data else []
                    text += data.decode()
                    listeners += received
        while text:
            state, end = json.JSONDecoder().raw_decode(text)
            self.states.append(state)
            text = text[end:].strip()
        for descriptor in listeners:
            with os.fdopen(descriptor, "rb", buffering=0) as listener, suppress(FileNotFoundError):
                self.answer(listener.fileno())

    def answer(self, listener: int) -> None:
        poll = select.poll()
        poll.register(listener, select.POLLIN)
        while not any(events & select.POLLHUP for _, events in poll.poll(20_000)):
            notification = array.array("B", bytes(NOTIFICATION.size))
            fcntl.ioctl(listener, RECEIVE, notification)
            number = NOTIFICATION.unpack(notification)[0]
            fcntl.ioctl(listener, SEND, ANSWER.pack(number, 0, -self.error, 0))


@contextmanager
def serving(agent: Agent) -> Iterator[Agent]:
    with socket.socket(socket.AF_UNIX) as server:
        bind(server, agent.path)
        server.listen()
        server.settimeout(20)
        thread = threading.Thread(target=agent.serve, args=(server,))
        thread.start()
        try:
            yield agent
        finally:
            server.shutdown(socket.SHUT_RDWR)
            thread.join()
