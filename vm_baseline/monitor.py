"""QEMU's events, heard over a monitor of our own beside libvirt's.

Source: QEMU's docs/interop/qmp-spec.rst and qemu-qmp-ref(7).
"""

import contextlib
import json
import socket
import time
from pathlib import Path

from vm_baseline.serial import Serial

ID = "taremonitor"
"""Of QEMU's character device."""
STAMP_NS = 1000
"""Resolution of the time QEMU gives its events."""
_GREETING = b'{"execute": "qmp_capabilities"}\n'
_LONGEST = 1 << 20


class Monitor:
    """Listens where QEMU will connect its monitor; it is only told to send events.

    All times are monotonic ns, None until the event.

    Args:
        path: of the socket, made here.
        serial: whose thread reads the monitor too.
    """

    def __init__(self, path: Path, serial: Serial) -> None:
        self.answered_ns: int | None = None
        """QEMU has answered for the first time: its devices are made and it waits to be told to run."""
        self.running_ns: int | None = None
        """The processors were let go for the first time."""
        self.powered_off_ns: int | None = None
        """The guest has powered off or reset, which ends it."""
        self._rest = b""
        serial.listen(path, self._connected, self._received)

    def forget(self) -> None:
        """Of a guest that goes on as another, what was before is no part of its life."""
        self.answered_ns = self.running_ns = None

    @staticmethod
    def _connected(connection: socket.socket) -> None:
        # The end of one that has gone already is heard by reading.
        with contextlib.suppress(ConnectionError):
            connection.send(_GREETING)

    def _received(self, data: bytes, at: int) -> None:
        *lines, self._rest = (self._rest + data).split(b"\n")
        self._rest = self._rest[-_LONGEST:]
        for line in lines:
            with contextlib.suppress(ValueError):  # a QEMU gone wrong must not end the thread that reads it
                self._take(json.loads(line), at)

    def _take(self, message: object, at: int) -> None:
        match message:
            case {"return": _}:
                self.answered_ns = self.answered_ns or at
            case {"event": "RESUME", "timestamp": {"seconds": int(seconds), "microseconds": int(micros)}}:
                self.running_ns = self.running_ns or _monotonic(seconds, micros)
            case {"event": "SHUTDOWN", "timestamp": {"seconds": int(seconds), "microseconds": int(micros)}}:
                self.powered_off_ns = self.powered_off_ns or _monotonic(seconds, micros)


def _monotonic(seconds: int, micros: int) -> int:
    """A time of the host's CLOCK_REALTIME that has just been, on its CLOCK_MONOTONIC."""
    return seconds * 10**9 + micros * 1000 - (time.time_ns() - time.monotonic_ns())
