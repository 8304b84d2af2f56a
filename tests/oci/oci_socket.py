"""Sockets of tests below pytest's directories, whose names may be longer than a socket's may be."""

import os
import socket
from pathlib import Path


def bind(server: socket.socket, path: Path) -> None:
    """Bind a socket through its directory's descriptor, as unix(7) allows 107 bytes for a name."""
    directory = os.open(path.parent, os.O_PATH | os.O_CLOEXEC)
    try:
        server.bind(f"/proc/self/fd/{directory}/{path.name}")
    finally:
        os.close(directory)
