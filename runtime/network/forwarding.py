"""Forwarding, which a host does for the networks of all state roots alike.

What its settings were is on record in one place for all roots, a file for each network namespace. Who needs
them is seen from the links: each root's bridges carry its tag. The last root that is cleaned finds no other's
and puts the settings back.
"""

import fcntl
import os
import re
from collections.abc import Iterator
from contextlib import contextmanager, suppress

from runtime.light import socket
from runtime.network import netlink, place
from tare.state import PREFIX, State

DIRECTORY = "/run/tarebench-forwarding"
"""Of the records; it exists as long as there is one."""
_LINK = re.compile(PREFIX + "[0-9a-f]{6}")
_SO_NETNS_COOKIE = 71
"""Of asm-generic/socket.h."""


@contextmanager
def held(state: State) -> Iterator[str]:
    """Keep other roots meanwhile from making bridges and from putting settings back; see flock(2).

    Yields:
        The path of the record for the calling thread's network namespace.

    Raises:
        OSError: the directory of the records can't be made.
    """
    # An ordinary user's containers have a network namespace for each root.
    directory = str(state.run / "networks/forwarding") if place.is_elsewhere() else DIRECTORY
    descriptor = _lock(directory)
    try:
        yield f"{directory}/{_namespace()}.json"
    finally:
        with suppress(OSError):
            os.rmdir(directory)  # noqa: PTH106 - plain strings; a start can't afford pathlib's detours
        os.close(descriptor)


def is_needed(besides: str) -> bool:
    """Whether links of another root than that of the tag are in the calling thread's network namespace."""
    own = PREFIX + besides
    return any(_LINK.match(name) and not name.startswith(own) for name in netlink.names())


def _lock(directory: str) -> int:
    while True:
        os.makedirs(directory, 0o700, exist_ok=True)  # noqa: PTH103 - as above
        try:
            descriptor = os.open(directory, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
        except FileNotFoundError:
            continue
        fcntl.flock(descriptor, fcntl.LOCK_EX)
        # Whoever held it before may have removed it.
        with suppress(FileNotFoundError):
            if os.path.samestat(os.fstat(descriptor), os.stat(directory)):  # noqa: PTH116 - as above
                return descriptor
        os.close(descriptor)


def _namespace() -> str:
    """What no other network namespace of this boot is called, or on kernels before 5.14 none at present."""
    any_socket = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    try:
        return str(any_socket.getsockopt(socket.SOL_SOCKET, _SO_NETNS_COOKIE, 8).hex())
    except OSError:
        return str(os.stat("/proc/thread-self/ns/net").st_ino)  # noqa: PTH116 - as above
    finally:
        any_socket.close()
