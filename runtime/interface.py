"""The state of a link in one's own network namespace, by ioctl; see netdevice(7).

The launcher imports this module, so it imports nothing slow.
"""

import fcntl
import struct

from runtime.light import socket

_SIOCSIFFLAGS = 0x8914
_IFF_UP = 0x1
_IFF_RUNNING = 0x40


def up(name: str) -> None:
    """Bring a link up.

    Raises:
        OSError: no such link.
    """
    _ioctl(_SIOCSIFFLAGS, struct.pack("16sh22x", name.encode(), _IFF_UP | _IFF_RUNNING))


def _ioctl(request: int, argument: bytes) -> None:
    control = socket.socket(socket.AF_INET, socket.SOCK_DGRAM | socket.SOCK_CLOEXEC)
    try:
        fcntl.ioctl(control.fileno(), request, argument)
    finally:
        control.close()
