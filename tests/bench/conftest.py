import os
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from kept_tools import kept_tools
from leftovers import leftovers
from made_once import share

from bench.clean import clean
from bench.subject import Image
from tare.state import State

BIN = Path(sys.executable).parent


@pytest.fixture(scope="session")
def root(made: Path) -> Iterator[Path]:
    """A state root for the session: images, kernels and probes are made once; nothing may be left running."""
    with tempfile.TemporaryDirectory(prefix="tare-") as name:
        share(made, State.at(Path(name)).data)
        yield Path(name)
        assert left(Path(name)) == []
        clean(State.at(Path(name)))
        assert leftovers(State.at(Path(name))) == []


def left(root: Path) -> list[str]:
    """What is left there, but for the default network of tarebox: that stays, as docker's does."""
    state = State.at(root)
    return [line for line in leftovers(state) if line != f"link tare{state.tag}0"]


@pytest.fixture(scope="session")
def environment(root: Path) -> dict[str, str]:
    # pytest-benchmark measures nothing in tests that run side by side; a run of the harness is none of those.
    own = {name: value for name, value in os.environ.items() if not name.startswith("PYTEST_")}
    return {
        **own,
        "TAREBENCH_ROOT": str(root),
        "PATH": f"{BIN}:{os.environ['PATH']}",
        "COLUMNS": "140",
    }


@pytest.fixture(scope="session")
def call(environment: dict[str, str]) -> Callable[..., "subprocess.CompletedProcess[str]"]:
    """Runs a command line and returns what it printed."""

    def run(*argv: str, cwd: Path, timeout: float = 400, **more: str) -> "subprocess.CompletedProcess[str]":
        return subprocess.run(
            argv,
            cwd=cwd,
            env={**environment, **more},
            capture_output=True,
            text=True,
            timeout=timeout,
            check=False,
            stdin=subprocess.DEVNULL,
        )

    return run


@pytest.fixture(scope="session")
def tools_image(root: Path) -> Image:
    """The one image of Debian packages, in the session's store."""
    return kept_tools(State.at(root))


@pytest.fixture
def nothing_left(root: Path) -> Iterator[None]:
    yield
    assert left(root) == []
