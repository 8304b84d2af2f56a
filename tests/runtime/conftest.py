import gc
import os
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest
from leftovers import leftovers

from runtime import Bind, Container, ContainerSpec, Engine, bootstrap_busybox
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
    gc.collect()
    before = len(os.listdir("/proc/self/fd"))
    state = State.at(tmp_path)
    yield state
    left = leftovers(state)
    clean(state)
    assert left == []
    assert len(os.listdir("/proc/self/fd")) <= before
    assert list(state.data.glob("containers/*")) == []


@pytest.fixture
def engine(state) -> Iterator[Engine]:
    with Engine(state) as engine:
        yield engine


@pytest.fixture
def start(engine, image) -> Callable[..., Container]:
    """Starts a container without input, its output discarded."""

    def started(*argv: str, **fields) -> Container:
        with Path(os.devnull).open("r+b") as null:
            spec = ContainerSpec(**{"rootfs": image, "argv": argv, **fields})
            return engine.start(spec, stdin=null.fileno(), stdout=null.fileno(), stderr=null.fileno())

    return started


@pytest.fixture
def run(engine, image) -> Run:
    """Runs a container to its end and removes it."""

    def ended(*argv: str, stdin: bytes = b"", **fields) -> Ended:
        spec = ContainerSpec(**{"rootfs": image, "argv": argv, **fields})
        with (
            os.fdopen(os.memfd_create("in"), "w+b") as given,
            os.fdopen(os.memfd_create("out"), "r+b") as output,
        ):
            given.write(stdin)
            given.seek(0)
            container = engine.start(
                spec, stdin=given.fileno(), stdout=output.fileno(), stderr=output.fileno()
            )
            try:
                status = container.wait(30)
            finally:
                container.remove()
            output.seek(0)
            return Ended(status, output.read().decode())

    return ended


@pytest.fixture
def run_python(run) -> Run:
    """Runs a Python program inside, on the host's interpreter, for system calls busybox has no applet for."""
    places = {sys.base_prefix, "/usr", "/lib", "/lib64"}
    binds = tuple(
        Bind(Path(place), place, read_only=True) for place in sorted(places) if Path(place).exists()
    )
    interpreter = os.path.realpath(sys.executable)

    def ended(code: str, **fields) -> Ended:
        return run(interpreter, "-S", "-I", "-c", code, binds=binds, **fields)

    return ended
