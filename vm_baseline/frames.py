"""The frames of the channel to the guest's agent; docs/vm-guest.md describes them."""

import struct
from collections.abc import Iterator
from dataclasses import dataclass
from enum import IntEnum

from vm_baseline.errors import HypervisorError

WINDOW = 256 << 10
"""Bytes of a stream that may be on their way before the other side has taken some."""
PIECE = 32 << 10
"""Bytes of a stream in one frame, at most."""
LONGEST_BODY = 1 << 20
"""Bytes of a frame without its head, at most."""
_HEAD = struct.Struct("<IHBx")


class Kind(IntEnum):
    """What a frame is."""

    HELLO = 1
    RUN = 2
    INPUT = 3
    OUTPUT = 4
    ERRORS = 5
    CREDIT = 6
    STATUS = 7
    SIGNAL = 8
    SIZE = 9
    CLOCK = 10
    SET_CLOCK = 11
    STOP = 12
    RENEW = 13


@dataclass(frozen=True)
class Frame:
    """One frame.

    Args:
        kind: a `Kind`, or the number of one that is not known.
        number: of the process in the guest it is about; 0 is the payload.
        body: its bytes.
    """

    kind: int
    number: int
    body: bytes = b""

    def packed(self) -> bytes:
        """Its bytes."""
        return _HEAD.pack(len(self.body), self.number, self.kind) + self.body


class Parser:
    """Cuts the bytes of the channel into frames."""

    def __init__(self) -> None:
        self._rest = bytearray()

    def feed(self, data: bytes) -> Iterator[Frame]:
        """The frames these bytes complete.

        Raises:
            ValueError: they are no frames; nothing more can be read from this channel.
        """
        self._rest += data
        start = 0
        try:
            while len(self._rest) - start >= _HEAD.size:
                size, number, kind = _HEAD.unpack_from(self._rest, start)
                if size > LONGEST_BODY:
                    raise ValueError(f"a frame of {size} bytes")
                end = start + _HEAD.size + size
                if len(self._rest) < end:
                    break
                body = bytes(memoryview(self._rest)[start + _HEAD.size : end])
                start = end
                yield Frame(kind, number, body)
        finally:
            del self._rest[:start]


def fields(*pairs: tuple[str, str]) -> bytes:
    """`key=value` lines, each ended by a null byte.

    Raises:
        HypervisorError: a value has a null byte, which no program could be given, or all are more than 1 MiB.
    """
    for key, value in pairs:
        if "\0" in value:
            raise HypervisorError(f"a null byte in {key} {value!r}")
    body = "".join(f"{key}={value}\0" for key, value in pairs).encode(errors="surrogateescape")
    if len(body) > LONGEST_BODY:
        raise HypervisorError(f"{len(body)} bytes of arguments and environment are more than 1 MiB")
    return body
