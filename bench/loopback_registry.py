"""A registry on a loopback port with a directory of its own: Debian's docker-registry (CNCF Distribution)."""

import json
import shutil
import socket
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from ipaddress import IPv4Address
from pathlib import Path

from bench.ready import first_connection
from bench.subject import Image, SubjectError, Unsupported
from runtime.image.registry import Session
from runtime.image.registry_config import Registries
from runtime.image.store import ImageStore
from runtime.image.transfer import push
from tare.state import State

_PROGRAM = "docker-registry"
_LOOPBACK = IPv4Address("127.0.0.1")
_START_TIMEOUT = 20.0
_REPOSITORY, _TAG = "tarebench", "1"


@contextmanager
def loopback_registry(directory: Path) -> Iterator[str]:
    """Runs one that lets everybody in, and is ended when its starter dies; its host and port.

    Raises:
        Unsupported: it is not installed.
        SubjectError: it does not start.
    """
    if shutil.which(_PROGRAM) is None:
        raise Unsupported(f"{_PROGRAM} is not installed")
    port = _free_port()
    settings = {
        "version": 0.1,
        "log": {"accesslog": {"disabled": True}, "level": "error"},
        "storage": {"filesystem": {"rootdirectory": str(directory / "storage")}},
        "http": {"addr": f"{_LOOPBACK}:{port}", "secret": "of nobody"},
    }
    config = directory / "config.yml"
    config.write_text(json.dumps(settings))
    argv = ("setpriv", "--pdeathsig", "TERM", _PROGRAM, "serve", str(config))
    with (directory / "log").open("wb") as log:
        server = subprocess.Popen(argv, stdin=subprocess.DEVNULL, stdout=log, stderr=log)

    def check() -> None:
        if server.poll() is not None:
            raise SubjectError(f"{_PROGRAM} ended with status {server.returncode}", f"see {log.name}")

    try:
        first_connection(_LOOPBACK, port, _START_TIMEOUT, check)
        yield f"{_LOOPBACK}:{port}"
    finally:
        server.terminate()
        server.wait()


def publish(state: State, image: Image, host: str) -> str:
    """Bring an image of the store to a registry; its name there.

    Raises:
        Unsupported: it is a mere directory.
        RegistryError: the registry refuses.
    """
    if image.stored is None:
        raise Unsupported(f"{image.name} is a root directory, which no registry has")
    store = ImageStore(state)
    with Session(Registries()) as session, store.content.adding():
        push(session, host, _REPOSITORY, _TAG, image.stored.descriptor, store.content)
    return f"{host}/{_REPOSITORY}:{_TAG}"


def _free_port() -> int:
    with socket.socket() as found:
        found.bind((str(_LOOPBACK), 0))
        return int(found.getsockname()[1])
