"""Debian's docker-registry on a loopback port with a directory of its own."""

import json
import socket
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

USER, PASSWORD = "alice", "open sesame"
HTPASSWD = "alice:$2b$05$abcdefghijklmnopqrstuupx2xBUC4954936wVIjyyPHmUBFu0wCW"
_SECONDS = 20


def free_port() -> int:
    with socket.socket() as found:
        found.bind(("127.0.0.1", 0))
        return int(found.getsockname()[1])


@contextmanager
def serve(
    directory: Path, auth: dict[str, object] | None = None, tls: dict[str, str] | None = None
) -> Iterator[str]:
    """A registry; gives its host and port."""
    directory.mkdir(parents=True, exist_ok=True)
    port = free_port()
    settings = {
        "version": 0.1,
        "log": {"accesslog": {"disabled": True}, "level": "error"},
        "storage": {
            "filesystem": {"rootdirectory": str(directory / "storage")},
            "delete": {"enabled": True},
        },
        "http": {"addr": f"127.0.0.1:{port}", "secret": "test", **({"tls": tls} if tls else {})},
        **({"auth": auth} if auth else {}),
    }
    config = directory / "config.yml"
    config.write_text(json.dumps(settings))
    with (directory / "log").open("wb") as log:
        server = subprocess.Popen(
            ["docker-registry", "serve", config], stdout=log, stderr=log, stdin=subprocess.DEVNULL
        )
    try:
        _await(port, server, directory / "log")
        yield f"127.0.0.1:{port}"
    finally:
        server.kill()
        server.wait()


def _await(port: int, server: "subprocess.Popen[bytes]", log: Path) -> None:
    deadline = time.monotonic() + _SECONDS
    while True:
        assert server.poll() is None, log.read_text()
        try:
            socket.create_connection(("127.0.0.1", port), 1).close()
            return
        except OSError:
            assert time.monotonic() < deadline, log.read_text()
            time.sleep(0.02)


def htpasswd(directory: Path) -> dict[str, object]:
    """Settings under which alice may do everything."""
    path = directory / "htpasswd"
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(f"{HTPASSWD}\n")
    return {"htpasswd": {"realm": 'a "quoted", realm', "path": str(path)}}


def skopeo(*arguments: str | Path, check: bool = True) -> "subprocess.CompletedProcess[str]":
    """Run skopeo with the arguments, trusting every image."""
    command = ["skopeo", "--insecure-policy", *map(str, arguments)]
    done = subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)
    assert done.returncode == 0 or not check, done.stderr
    return done
