"""Addresses, routes and link state in a network namespace, by ioctl; see netdevice(7).

The launcher imports this module, so it imports nothing slow.
"""

import fcntl
import struct

from runtime.light import socket

_SIOCADDRT = 0x890B
_SIOCSIFFLAGS = 0x8914
_SIOCSIFADDR = 0x8916
_SIOCSIFNETMASK = 0x891C
_IFF_UP = 0x1
_IFF_RUNNING = 0x40
_RTF_UP = 0x1
_RTF_GATEWAY = 0x2


def up(name: str) -> None:
    """Bring a link up.

    Raises:
        OSError: no such link.
    """
    _ioctl(_SIOCSIFFLAGS, struct.pack("16sh22x", name.encode(), _IFF_UP | _IFF_RUNNING))


def configure(name: str, address: str, netmask: str) -> None:
    """Give a link an IPv4 address in dotted form and bring it up.

    Raises:
        OSError: no such link, or the address has no meaning.
    """
    _ioctl(_SIOCSIFADDR, struct.pack("16s16s8x", name.encode(), _sockaddr(address)))
    _ioctl(_SIOCSIFNETMASK, struct.pack("16s16s8x", name.encode(), _sockaddr(netmask)))
    up(name)


def default_route(gateway: str) -> None:
    """Route everything through an IPv4 gateway on a directly reached network.

    Raises:
        OSError: the gateway isn't reached directly.
    """
    anywhere = _sockaddr("0.0.0.0")  # noqa: S104 - a destination, not a bound address
    flags = _RTF_UP | _RTF_GATEWAY
    entry = struct.pack(
        "@L16s16s16sHhLPhPLLH", 0, anywhere, _sockaddr(gateway), anywhere, flags, 0, 0, 0, 0, 0, 0, 0, 0
    )
    _ioctl(_SIOCADDRT, entry)


def _sockaddr(address: str) -> bytes:
    return struct.pack("=HH4s8x", socket.AF_INET, 0, socket.inet_aton(address))


def _ioctl(request: int, argument: bytes) -> None:
    control = socket.socket(socket.AF_INET, socket.SOCK_DGRAM | socket.SOCK_CLOEXEC)
    try:
        fcntl.ioctl(control.fileno(), request, argument)
    finally:
        control.close()
