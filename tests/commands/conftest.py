"""Runs `tarebox` as a real process, on a state of the test's own that has the busybox image."""

import os
import site
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from leftovers import leftovers

from runtime.clean import clean
from runtime.image.bootstrap_busybox import bootstrap_busybox
from runtime.image.layers import unpack_layers
from runtime.image.store import ImageStore
from runtime.storage import registry
from tare.state import State

_PLACES = [str(Path(__file__).parents[2]), *site.getsitepackages()]
# As the installed program does.
_CODE = f"import sys; sys.path += {_PLACES}; from runtime.cli import program; program()"
TAREBOX = (sys.executable, "-S", "-I", "-X", "utf8=1", "-c", _CODE)

Tarebox = Callable[..., "subprocess.CompletedProcess[str]"]


@pytest.fixture(scope="session")
def bootstrapped(tmp_path_factory) -> Path:
    """The root of a state with the image busybox:latest, its layer unpacked."""
    root = tmp_path_factory.mktemp("bootstrapped")
    state = State.at(root)
    store = ImageStore(state)
    image = bootstrap_busybox(store)
    with store.content.adding():
        unpack_layers(store.content, image, registry.driver(state))
    return root


@pytest.fixture
def bare(tmp_path) -> Iterator[State]:
    """A state without images; the test ends with nothing of it left in the kernel.

    Containers and networks it still has are no fault, they are removed.
    """
    state = State.at(tmp_path / "root")
    yield state
    if (state.data / "containers2").is_dir():
        from runtime.lifecycle import Containers

        with Containers(state) as containers:
            for record in containers.list(every=True):
                containers.remove(record.id, force=True)
    if (state.data / "networks").is_dir() or (state.run / "networks").is_dir():
        clean(state)
    left = leftovers(state)
    clean(state)
    assert left == []


@pytest.fixture
def state(bare, bootstrapped) -> State:
    """A state with the image busybox:latest, in $TAREBENCH_ROOT of what `tarebox` runs."""
    bare.data.parent.mkdir()
    subprocess.run(("cp", "-al", bootstrapped / "data", bare.data), check=True)
    return bare


@pytest.fixture
def environment(bare) -> dict[str, str]:
    """Of the processes a test starts."""
    root = bare.data.parent
    return {**os.environ, "TAREBENCH_ROOT": str(root), "HOME": str(root)}


@pytest.fixture
def program() -> tuple[str, ...]:
    """The words that run `tarebox`."""
    return TAREBOX


@pytest.fixture
def start(environment) -> Callable[..., "subprocess.Popen[str]"]:
    """Starts `tarebox` with pipes; a context manager is what the test makes of it."""

    def started(*arguments: str, **options) -> "subprocess.Popen[str]":
        pipes = dict.fromkeys(("stdin", "stdout", "stderr"), subprocess.PIPE)
        return subprocess.Popen(
            (*TAREBOX, *arguments), **{"env": environment, "text": True, **pipes, **options}
        )

    return started


@pytest.fixture
def bare_tarebox(environment) -> Tarebox:
    """As `tarebox`, without images."""

    def called(*arguments: str, **options) -> "subprocess.CompletedProcess[str]":
        options = {"env": environment, "input": "", "text": True, "timeout": 60, **options}
        return subprocess.run((*TAREBOX, *arguments), capture_output=True, check=False, **options)

    return called


@pytest.fixture
def tarebox(state, bare_tarebox) -> Tarebox:
    """Runs `tarebox` with the arguments to its end; keywords as subprocess.run has them."""
    return bare_tarebox


@pytest.fixture
def said(tarebox) -> Callable[..., str]:
    """What `tarebox` prints when it succeeds, without the last line's end."""

    def output(*arguments: str, **options) -> str:
        ended = tarebox(*arguments, **options)
        assert ended.returncode == 0, ended.stderr
        assert ended.stderr == ""
        return ended.stdout.removesuffix("\n")

    return output


@pytest.fixture
def fault(tarebox) -> Callable[..., str]:
    """The one line that `tarebox` says when it fails with the status."""

    def line(status: int, *arguments: str, **options) -> str:
        ended = tarebox(*arguments, **options)
        assert ended.returncode == status, ended
        assert ended.stderr.count("\n") == 1, ended.stderr
        assert ended.stderr.startswith("tarebox: ")
        return ended.stderr.removeprefix("tarebox: ").removesuffix("\n")

    return line
