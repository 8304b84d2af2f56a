"""An image's files on their way to another host: packed, sent over loopback, unpacked."""

import socket
import subprocess
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from bench.subject import SubjectError

_PATIENCE = 60.0
_PIECE = 1 << 20


def save(rootfs: Path, archive: Path) -> None:
    """Pack a directory by tar and gzip. Raises: SubjectError."""
    _run(
        "tar",
        "--create",
        "--gzip",
        "--numeric-owner",
        "--file",
        str(archive),
        "--directory",
        str(rootfs),
        ".",
    )


def send(archive: Path, arrived: Path) -> None:
    """Send a file through a TCP connection over loopback, to a new file. Raises: SubjectError."""
    with socket.create_server(("127.0.0.1", 0)) as server, ThreadPoolExecutor(1) as receiver:
        server.settimeout(_PATIENCE)
        received = receiver.submit(_receive, server, arrived)
        try:
            with (
                socket.create_connection(server.getsockname(), _PATIENCE) as connection,
                archive.open("rb") as file,
            ):
                connection.sendfile(file)
            received.result()
        except OSError as error:
            raise SubjectError(f"the image did not arrive over loopback: {error}") from error


def unpack(archive: Path, rootfs: Path) -> None:
    """Unpack into a new directory. Raises: SubjectError."""
    rootfs.mkdir()
    _run("tar", "--extract", "--gzip", "--numeric-owner", "--file", str(archive), "--directory", str(rootfs))


def _receive(server: socket.socket, arrived: Path) -> None:
    connection, _ = server.accept()
    with connection, arrived.open("wb") as file:
        connection.settimeout(_PATIENCE)
        while piece := connection.recv(_PIECE):
            file.write(piece)


def _run(*argv: str) -> None:
    done = subprocess.run(argv, capture_output=True, text=True, check=False)
    if done.returncode:
        raise SubjectError(f"{argv[0]} failed: {done.stderr.strip()}")
