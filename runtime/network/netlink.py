"""The few rtnetlink messages that a start needs, each built by a function and sent over a raw socket.

Loading pyroute2 takes longer than twenty starts, so the hot path has its own messages. Out of scope:
notifications, queueing disciplines, neighbours, any policy. The layouts are those of linux/rtnetlink.h,
linux/if_link.h and linux/if_addr.h; see rtnetlink(7) and netlink(7). Nothing slow is imported here.
"""

from __future__ import annotations

import errno
import os
import struct

from runtime import syscalls
from runtime.light import socket

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator
    from types import TracebackType
    from typing import Self

Message = tuple[int, int, bytes]
"""Type, flags beyond NLM_F_REQUEST and NLM_F_ACK, and what follows the header."""

_RTM_NEWLINK = 16
_RTM_DELLINK = 17
_RTM_SETLINK = 19
_RTM_NEWADDR = 20
_RTM_NEWROUTE = 24
_RTM_GETROUTE = 26

_NLMSG_ERROR = 2
_NLMSG_DONE = 3
_NLM_F_REQUEST = 0x1
_NLM_F_ACK = 0x4
_NLM_F_REPLACE = 0x100
_NLM_F_EXCL = 0x200
_NLM_F_DUMP = 0x300
_NLM_F_CREATE = 0x400
_NLM_F_CAPPED = 0x100
_NLM_F_ACK_TLVS = 0x200
_NLMSGERR_ATTR_MSG = 1

_SOL_NETLINK = 270
_NETLINK_CAP_ACK = 10
_NETLINK_EXT_ACK = 11

_IFLA_ADDRESS = 1
_IFLA_IFNAME = 3
_IFLA_MTU = 4
_IFLA_MASTER = 10
_IFLA_LINKINFO = 18
_IFLA_NET_NS_FD = 28
_IFLA_INFO_KIND = 1
_IFLA_INFO_DATA = 2
_VETH_INFO_PEER = 1
_IFF_UP = 1
_AF_BRIDGE = 7
_IFLA_PROTINFO = 12
_IFLA_BRPORT_MODE = 4
_NLA_F_NESTED = 0x8000

_IFA_ADDRESS = 1
_IFA_LOCAL = 2
_IFA_F_NODAD = 2

_RTA_DST = 1
_RTA_OIF = 4
_RTA_GATEWAY = 5
_RTA_PRIORITY = 6
_RT_TABLE_MAIN = 254
_RT_TABLE_LOCAL = 255
_RTPROT_BOOT = 3
_RTN_UNICAST = 1
_RTN_LOCAL = 2

_HEADER = struct.Struct("=IHHII")
_LINK = struct.Struct("=BxHiII")
_ADDRESS = struct.Struct("=BBBBi")
_ROUTE = struct.Struct("=BBBBBBBBI")
_ATTRIBUTE = struct.Struct("=HH")
_RECEIVED = 1 << 16


class Netlink:
    """A rtnetlink socket of the calling thread's network namespace, which it stays with; a context.

    Raises:
        OSError: the kernel has no rtnetlink.
    """

    def __init__(self) -> None:
        kind = socket.SOCK_RAW | socket.SOCK_CLOEXEC
        self._socket = socket.socket(socket.AF_NETLINK, kind, socket.NETLINK_ROUTE)
        self._sequence = 0
        for option in (_NETLINK_CAP_ACK, _NETLINK_EXT_ACK):
            self._socket.setsockopt(_SOL_NETLINK, option, 1)

    def request(self, *messages: Message) -> None:
        """Have the kernel carry out the messages in order, all in one system call.

        Raises:
            OSError: what the kernel says of the first that failed; those after it were tried all the same.
        """
        parts = []
        for kind, flags, body in messages:
            self._sequence += 1
            parts.append(_message(kind, flags | _NLM_F_ACK, self._sequence, body))
        self._socket.send(b"".join(parts))
        failure: OSError | None = None
        left = len(parts)
        while left:
            for kind, flags, body in _messages(self._socket.recv(_RECEIVED)):
                if kind == _NLMSG_ERROR:
                    left -= 1
                    failure = failure or _failure(flags, body)
        if failure:
            raise failure

    def routes(self, family: int) -> list[tuple[bytes, int, int]]:
        """Routes of all tables to hosts and subnets, the host itself among them.

        Returns:
            Of each the packed destination, its prefix length and the index of its link (0 without one).

        Raises:
            OSError: the kernel refuses.
        """
        self._sequence += 1
        body = _ROUTE.pack(family, 0, 0, 0, 0, 0, 0, 0, 0)
        self._socket.send(_message(_RTM_GETROUTE, _NLM_F_DUMP, self._sequence, body))
        found: list[tuple[bytes, int, int]] = []
        while True:
            for kind, flags, answer in _messages(self._socket.recv(_RECEIVED)):
                if kind == _NLMSG_DONE:
                    return found
                if kind == _NLMSG_ERROR:
                    raise _failure(flags, answer) or OSError(errno.EPROTO, "no answer to a dump")
                fields = _ROUTE.unpack_from(answer)
                attributes = _attributes(answer[_ROUTE.size :])
                if fields[7] in (_RTN_UNICAST, _RTN_LOCAL) and _RTA_DST in attributes:
                    link = int.from_bytes(attributes.get(_RTA_OIF, b""), "little")
                    found.append((attributes[_RTA_DST], fields[1], link))

    def close(self) -> None:
        """Close the socket."""
        self._socket.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, value: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()


class Inside:
    """Has the calling thread, and no other, in a network namespace meanwhile; see setns(2).

    Args:
        namespace: its descriptor.
    """

    def __init__(self, namespace: int) -> None:
        self._namespace = namespace
        self._home = -1

    def __enter__(self) -> Self:
        self._home = os.open("/proc/thread-self/ns/net", os.O_RDONLY | os.O_CLOEXEC)
        try:
            syscalls.setns(self._namespace, syscalls.CLONE_NEWNET)
        except OSError:
            os.close(self._home)
            raise
        return self

    def __exit__(
        self, kind: type[BaseException] | None, value: BaseException | None, trace: TracebackType | None
    ) -> None:
        syscalls.setns(self._home, syscalls.CLONE_NEWNET)
        os.close(self._home)


def index(name: str) -> int:
    """The link's index in the calling thread's network namespace, 0 when there is none of that name."""
    try:
        return socket.if_nametoindex(name)
    except OSError:
        return 0


def names() -> list[str]:
    """All links of the calling thread's network namespace."""
    return [name for _, name in socket.if_nameindex()]


def bridge(name: str, *, mac: bytes, mtu: int) -> Message:
    """A new bridge, down; an address of its own keeps it from taking over those of its ports."""
    attributes = _name(_IFLA_IFNAME, name) + _attribute(_IFLA_ADDRESS, mac) + _number(_IFLA_MTU, mtu)
    kind = _attribute(_IFLA_LINKINFO, _name(_IFLA_INFO_KIND, "bridge"))
    return _RTM_NEWLINK, _NLM_F_CREATE | _NLM_F_EXCL, _link() + attributes + kind


def veth(name: str, *, master: int, peer: str, target: int, mac: bytes = b"", mtu: int = 0) -> Message:
    """A new veth pair: one end up and on a bridge, the other down in another network namespace.

    Args:
        name: of the end that stays.
        master: index of the bridge.
        peer: name of the other end.
        target: descriptor of the other end's network namespace.
        mac: six bytes for the other end; the kernel's choice when empty.
        mtu: of both ends in bytes; the kernel's default when 0.
    """
    size = _number(_IFLA_MTU, mtu) if mtu else b""
    other = _link() + _name(_IFLA_IFNAME, peer) + _number(_IFLA_NET_NS_FD, target) + size
    if mac:
        other += _attribute(_IFLA_ADDRESS, mac)
    info = _name(_IFLA_INFO_KIND, "veth") + _attribute(_IFLA_INFO_DATA, _attribute(_VETH_INFO_PEER, other))
    attributes = _name(_IFLA_IFNAME, name) + _number(_IFLA_MASTER, master) + size
    body = _link(is_up=True) + attributes + _attribute(_IFLA_LINKINFO, info)
    return _RTM_NEWLINK, _NLM_F_CREATE | _NLM_F_EXCL, body


def up(link: int, name: str = "") -> Message:
    """Bring a link up, under another name when one is given."""
    return _RTM_SETLINK, 0, _link(link, is_up=True) + (_name(_IFLA_IFNAME, name) if name else b"")


def hairpin(link: int) -> Message:
    """Let a bridge send a frame back through the port it came from."""
    mode = _attribute(_IFLA_BRPORT_MODE, b"\1")
    fixed = _LINK.pack(_AF_BRIDGE, 0, link, 0, 0)
    return _RTM_SETLINK, 0, fixed + _attribute(_IFLA_PROTINFO | _NLA_F_NESTED, mode)


def remove(name: str) -> Message:
    """Remove a link; a veth's peer goes with it."""
    return _RTM_DELLINK, 0, _link() + _name(_IFLA_IFNAME, name)


def address(link: int, packed: bytes, prefix: int) -> Message:
    """Give a link an IPv4 or IPv6 address, without probing the network for a double of it."""
    family, flags = (socket.AF_INET, 0) if len(packed) == 4 else (socket.AF_INET6, _IFA_F_NODAD)
    attributes = _attribute(_IFA_LOCAL, packed) + _attribute(_IFA_ADDRESS, packed)
    return (
        _RTM_NEWADDR,
        _NLM_F_CREATE | _NLM_F_REPLACE,
        _ADDRESS.pack(family, prefix, flags, 0, link) + attributes,
    )


def default_route(link: int, gateway: bytes) -> Message:
    """Route everything of the gateway's family through it."""
    family = socket.AF_INET if len(gateway) == 4 else socket.AF_INET6
    fixed = _ROUTE.pack(family, 0, 0, 0, _RT_TABLE_MAIN, _RTPROT_BOOT, 0, _RTN_UNICAST, 0)
    attributes = _attribute(_RTA_GATEWAY, gateway) + _number(_RTA_OIF, link)
    return _RTM_NEWROUTE, _NLM_F_CREATE | _NLM_F_REPLACE, fixed + attributes


def local_route(link: int, packed: bytes, metric: int) -> Message:
    """Take what comes in over a link for an IPv6 address of another for the host's own.

    Args:
        link: its index.
        packed: the address.
        metric: higher than the address's own, which is 0.
    """
    fixed = _ROUTE.pack(socket.AF_INET6, 128, 0, 0, _RT_TABLE_LOCAL, _RTPROT_BOOT, 0, _RTN_LOCAL, 0)
    attributes = _attribute(_RTA_DST, packed) + _number(_RTA_OIF, link) + _number(_RTA_PRIORITY, metric)
    return _RTM_NEWROUTE, _NLM_F_CREATE | _NLM_F_REPLACE, fixed + attributes


def _link(number: int = 0, *, is_up: bool = False) -> bytes:
    flags = _IFF_UP if is_up else 0
    return _LINK.pack(socket.AF_UNSPEC, 0, number, flags, flags)


def _attribute(kind: int, value: bytes) -> bytes:
    return _ATTRIBUTE.pack(_ATTRIBUTE.size + len(value), kind) + value + bytes(-len(value) % 4)


def _number(kind: int, value: int) -> bytes:
    return _attribute(kind, struct.pack("=I", value))


def _name(kind: int, value: str) -> bytes:
    return _attribute(kind, value.encode() + b"\0")


def _message(kind: int, flags: int, sequence: int, body: bytes) -> bytes:
    return _HEADER.pack(_HEADER.size + len(body), kind, flags | _NLM_F_REQUEST, sequence, 0) + body


def _messages(received: bytes) -> Iterator[tuple[int, int, bytes]]:
    place = 0
    while place + _HEADER.size <= len(received):
        length, kind, flags, _, _ = _HEADER.unpack_from(received, place)
        yield kind, flags, received[place + _HEADER.size : place + length]
        place += length + -length % 4


def _attributes(data: bytes) -> dict[int, bytes]:
    found = {}
    place = 0
    while place + _ATTRIBUTE.size <= len(data):
        length, kind = _ATTRIBUTE.unpack_from(data, place)
        found[kind & 0x3FFF] = data[place + _ATTRIBUTE.size : place + length]
        place += max(length + -length % 4, _ATTRIBUTE.size)
    return found


def _failure(flags: int, body: bytes) -> OSError | None:
    """The error an answer tells of, in the kernel's own words where it has some; None for success."""
    (number,) = struct.unpack_from("=i", body)
    if number == 0:
        return None
    said = b""
    if flags & _NLM_F_ACK_TLVS:
        # The kernel sends back the request's header, and its body unless told to cap.
        (length,) = struct.unpack_from("=I", body, 4)
        start = 4 + (_HEADER.size if flags & _NLM_F_CAPPED else length + -length % 4)
        said = _attributes(body[start:]).get(_NLMSGERR_ATTR_MSG, b"")
    return OSError(-number, said.rstrip(b"\0").decode(errors="replace") or os.strerror(-number))
