"""Messages between the engine and its launcher: marshalled values with descriptors, over a Unix socket.

Both ends run the same interpreter and the socket is a private pair, which is what marshal asks for; it is the
one serialiser that costs the launcher no import. The launcher imports this module, so it imports nothing
slow.
"""

from __future__ import annotations

import marshal
import struct

from runtime.light import socket

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Sequence
    from typing import Any

_HEADER = struct.Struct("=I")
_MAX_DESCRIPTORS = 64
_DESCRIPTOR = struct.Struct("=i")
_DESCRIPTOR_SPACE = socket.CMSG_SPACE(_MAX_DESCRIPTORS * _DESCRIPTOR.size)
_LARGEST_PACKET = 1 << 16


def send(channel: socket.socket, message: Any, descriptors: Sequence[int] = ()) -> None:
    """Send one message; the receiver gets copies of the descriptors.

    Args:
        channel: a connected stream or packet socket of the Unix family.
        message: nested tuples, lists, dicts, str, bytes, int, float, bool, None.
        descriptors: open descriptors, at most 64.

    Raises:
        OSError: the other end is gone.
    """
    body = marshal.dumps(message)
    data = _HEADER.pack(len(body)) + body
    packed = struct.pack(f"={len(descriptors)}i", *descriptors)
    rights = [(socket.SOL_SOCKET, socket.SCM_RIGHTS, packed)] if descriptors else []
    sent = channel.sendmsg([data], rights, socket.MSG_NOSIGNAL)
    if sent < len(data):
        channel.sendall(data[sent:], socket.MSG_NOSIGNAL)


def receive(channel: socket.socket) -> tuple[object, list[int]] | None:
    """The next message of a stream and its descriptors (close-on-exec), None when the other end has closed.

    Raises:
        OSError: the other end is gone.
    """
    data, descriptors = _begin(channel, _HEADER.size)
    data += _rest(channel, _HEADER.size - len(data)) if data else b""
    if not data:
        return None
    (size,) = _HEADER.unpack(data)
    return marshal.loads(_rest(channel, size)), descriptors


def receive_packet(channel: socket.socket) -> tuple[object, list[int]] | None:
    """As `receive`, of a packet socket: an interrupt finds a message either whole there or whole received.

    Raises:
        OSError: the other end is gone.
        TimeoutError: the socket's timeout passed before.
    """
    data, descriptors = _begin(channel, _LARGEST_PACKET)
    return (marshal.loads(data[_HEADER.size :]), descriptors) if data else None


def _begin(channel: socket.socket, size: int) -> tuple[bytes, list[int]]:
    data, ancillary, _, _ = channel.recvmsg(size, _DESCRIPTOR_SPACE, socket.MSG_CMSG_CLOEXEC)
    descriptors: list[int] = []
    for level, kind, payload in ancillary:
        if level == socket.SOL_SOCKET and kind == socket.SCM_RIGHTS:
            whole = len(payload) - len(payload) % _DESCRIPTOR.size
            descriptors += (number for (number,) in _DESCRIPTOR.iter_unpack(payload[:whole]))
    return data, descriptors


def _rest(channel: socket.socket, size: int) -> bytes:
    parts = []
    while size:
        part = channel.recv(size)
        if not part:
            raise ConnectionResetError("the other end closed within a message")
        parts.append(part)
        size -= len(part)
    return b"".join(parts)
