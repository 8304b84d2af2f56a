import os
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest
from leftovers import leftovers

from runtime import ContainerSpec, Engine, bootstrap_busybox
from runtime.clean import clean
from tare.state import State


@dataclass(frozen=True)
class Ended:
    status: int
    output: str


Run = Callable[..., Ended]


@pytest.fixture(scope="session")
def image(tmp_path_factory) -> Path:
    return bootstrap_busybox(State.at(tmp_path_factory.mktemp("images")))


@pytest.fixture
def state(tmp_path) -> Iterator[State]:
    """A state root of its own, found clean afterwards."""
    before = len(os.listdir("/proc/self/fd"))
    state = State.at(tmp_path / "state")
    yield state
    left = leftovers(state)
    clean(state)
    assert left == []
    assert len(os.listdir("/proc/self/fd")) <= before


@pytest.fixture
def engine(state) -> Iterator[Engine]:
    with Engine(state) as engine:
        yield engine


@pytest.fixture
def run(engine, image) -> Run:
    """Runs a container to its end and removes it."""

    def ended(*argv: str, **fields) -> Ended:
        spec = ContainerSpec(**{"rootfs": image, "argv": argv, **fields})
        with Path(os.devnull).open("r+b") as null, os.fdopen(os.memfd_create("out"), "r+b") as output:
            container = engine.start(
                spec, stdin=null.fileno(), stdout=output.fileno(), stderr=output.fileno()
            )
            try:
                status = container.wait(30)
            finally:
                container.remove()
            output.seek(0)
            return Ended(status, output.read().decode())

    return ended
