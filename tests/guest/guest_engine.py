"""The engine inside the guest."""

import contextlib
import os
from collections.abc import Iterator
from pathlib import Path

from runtime import Container, ContainerSpec, Engine, bootstrap_busybox
from tare.state import State

STATE = State.at(Path("/var/tmp/tare"))


@contextlib.contextmanager
def engine() -> Iterator[Engine]:
    """An engine that has to leave no group behind."""
    with Engine(STATE) as engine:
        yield engine
    assert not list(Path("/sys/fs/cgroup").rglob(f"{engine.name}*"))


@contextlib.contextmanager
def started(engine: Engine, *argv: str, **fields) -> Iterator[Container]:
    """A container of busybox without input or output."""
    with Path(os.devnull).open("r+b") as null:
        spec = ContainerSpec(bootstrap_busybox(STATE), argv, **fields)
        container = engine.start(spec, stdin=null.fileno(), stdout=null.fileno(), stderr=null.fileno())
    try:
        yield container
    finally:
        container.remove()


def ran(*argv: str, **fields) -> tuple[int, str]:
    """Exit status and output of a container that has ended."""
    with engine() as one, os.fdopen(os.memfd_create("output"), "r+b") as output:
        spec = ContainerSpec(bootstrap_busybox(STATE), argv, **fields)
        container = one.start(spec, stdout=output.fileno(), stderr=output.fileno())
        try:
            status = container.wait(30)
        finally:
            container.remove()
        output.seek(0)
        return status, output.read().decode()
