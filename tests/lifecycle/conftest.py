import gc
import os
import signal
import subprocess
from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path

import pytest
from leftovers import leftovers

from runtime import ContainerSpec, bootstrap_busybox, interface, syscalls
from runtime.clean import clean
from runtime.image.bootstrap_busybox import bootstrap_busybox as bootstrap_image
from runtime.image.layers import unpack_layers
from runtime.image.store import ImageStore
from runtime.lifecycle import Containers, Networking, Settings
from runtime.lifecycle.errors import NoSuchContainerError
from runtime.storage import registry
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
            # Its monitor may be at it.
            with suppress(NoSuchContainerError):
                containers.remove(record.id, force=True, volumes=True)
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
    """Settings for a command in the busybox image, on no network unless they say so."""

    def made(*argv: str, spec: dict | None = None, **fields) -> Settings:
        fields.setdefault("networking", Networking("none"))
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


@pytest.fixture(scope="session")
def bootstrapped(tmp_path_factory) -> Path:
    """The root of a state with the image busybox:latest, its layer unpacked."""
    root = tmp_path_factory.mktemp("bootstrapped")
    state = State.at(root)
    store = ImageStore(state)
    image = bootstrap_image(store)
    with store.content.adding():
        unpack_layers(store.content, image, registry.driver(state))
    return root


@pytest.fixture
def stored(state, bootstrapped) -> Callable[..., Settings]:
    """Settings for a command in the busybox image of the state's store."""
    subprocess.run(("cp", "-al", f"{bootstrapped}/data/.", state.data), check=True)
    image = ImageStore(state).get("busybox")

    def made(*argv: str, spec: dict | None = None, **fields) -> Settings:
        fields.setdefault("networking", Networking("none"))
        chosen = ContainerSpec(Path("/nonexistent"), argv, **(spec or {}))
        return Settings(chosen, image="busybox", image_id=image.id, chain=image.layers[-1], **fields)

    return made


@pytest.fixture
def host() -> Iterator[None]:
    """A network namespace of the test's own, in which it is the host."""
    own = os.open("/proc/self/ns/net", os.O_RDONLY | os.O_CLOEXEC)
    try:
        syscalls.unshare(syscalls.CLONE_NEWNET)
        interface.up("lo")
        yield
    finally:
        syscalls.setns(own, syscalls.CLONE_NEWNET)
        os.close(own)
