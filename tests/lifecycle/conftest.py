import gc
import os
import signal
from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path

import pytest
from leftovers import leftovers

from runtime import ContainerSpec, bootstrap_busybox
from runtime.clean import clean
from runtime.lifecycle import Containers, Settings
from tare.state import State


@pytest.fixture(scope="session")
def image(tmp_path_factory) -> Path:
    return bootstrap_busybox(State.at(tmp_path_factory.mktemp("images")))


@pytest.fixture
def state(tmp_path) -> Iterator[State]:
    """A state root of its own, found clean once all containers are removed."""
    state = State.at(tmp_path)
    gc.collect()
    before = len(os.listdir("/proc/self/fd"))
    yield state
    gc.collect()
    with Containers(state) as containers:
        for record in containers.list(every=True):
            containers.remove(record.id, force=True)
    left = leftovers(state)
    clean(state)
    assert left == []
    links = [os.path.realpath(entry) for entry in Path("/proc/self/fd").iterdir()]
    assert len(links) <= before, links
    kept = [path.name for path in state.data.joinpath("containers2").iterdir()]
    assert set(kept) <= {"lock", "names", "removing"}
    assert list(state.data.joinpath("containers2/names").iterdir()) == []


@pytest.fixture
def containers(state) -> Iterator[Containers]:
    with Containers(state) as containers:
        yield containers


@pytest.fixture
def settings(image) -> Callable[..., Settings]:
    """Settings for a command in the busybox image."""

    def made(*argv: str, spec: dict | None = None, **fields) -> Settings:
        return Settings(ContainerSpec(image, argv, **(spec or {})), image="busybox", **fields)

    return made


@pytest.fixture
def run(containers, settings) -> Callable[..., str]:
    """Runs a command in a new container; its id."""

    def ran(*argv: str, name: str = "", **fields) -> str:
        return containers.run(settings(*argv, **fields), name=name)

    return ran


@pytest.fixture
def output(containers) -> Callable[[str], str]:
    """What a container wrote so far."""
    return lambda name: "".join(entry.text for entry in containers.logs(name))


@pytest.fixture
def killed() -> Callable[[int], None]:
    """Kills a process and waits for its end."""

    def kill(pid: int) -> None:
        descriptor = os.pidfd_open(pid)
        try:
            with suppress(ProcessLookupError):
                signal.pidfd_send_signal(descriptor, signal.SIGKILL)
            with suppress(ChildProcessError):
                os.waitpid(pid, 0)
        finally:
            os.close(descriptor)

    return kill
