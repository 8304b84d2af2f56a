"""`tarevm run --pull`: images out of a real registry on loopback."""

import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
from made_once import share
from registry.registry_server import serve

from runtime.image.bootstrap_busybox import bootstrap_busybox
from runtime.image.store import ImageStore
from tare.errors import ExitCode
from tare.state import State

COMMANDS = Path(sys.executable).parent
Call = Callable[..., "subprocess.CompletedProcess[str]"]


@pytest.fixture
def call(tmp_path, data) -> Call:
    """Runs a command on the state where machines are, or on that of whoever publishes images."""
    share(data, tmp_path / "here/data")

    def run(program: str, *words: str, root: str = "here") -> "subprocess.CompletedProcess[str]":
        # No settings of the host's about registries.
        environment = {
            **os.environ,
            "TAREBENCH_ROOT": str(tmp_path / root),
            "XDG_CONFIG_HOME": str(tmp_path / "config"),
            "XDG_CONFIG_DIRS": str(tmp_path / "none"),
            "DOCKER_CONFIG": str(tmp_path / "docker"),
        }
        command = (COMMANDS / program, *words)
        return subprocess.run(
            command, env=environment, stdin=subprocess.DEVNULL, capture_output=True, text=True, check=False
        )

    return run


def publish(call: Call, root: Path, name: str, text: str) -> None:
    """Bring an image that says the text to the registry, in place of the one of that name."""
    bootstrap_busybox(ImageStore(State.at(root)))
    for words in (
        ("create", "--name", "one", "busybox", "true"),
        ("commit", "-c", f'CMD ["echo", "{text}"]', "one", name),
        ("rm", "one"),
        ("push", name),
    ):
        done = call("tarebox", *words, root=root.name)
        assert done.returncode == 0, done.stderr


def said(call: Call, *words: str) -> tuple[int, str, str]:
    done = call("tarevm", "run", "--accelerator", "tcg", *words)
    return done.returncode, done.stdout, done.stderr


def test_an_image_is_pulled_when_it_is_to_be(call, tmp_path) -> None:
    with serve(tmp_path / "registry") as host:
        name = f"{host}/app:1"
        publish(call, tmp_path / "elsewhere", name, "old")
        code, output, errors = said(call, "--pull", "never", name)
        assert (code, output, errors.count("\n")) == (ExitCode.ENGINE, "", 1)
        assert f"no image '{name}'" in errors
        assert said(call, name) == (0, "old\n", f"pulling {name}\n")
        publish(call, tmp_path / "elsewhere", name, "new")
        assert said(call, "--pull", "missing", name) == (0, "old\n", "")
        assert said(call, "--pull", "always", name) == (0, "new\n", f"pulling {name}\n")
        code, output, errors = said(call, f"{host}/absent:1")
        assert (code, output, errors.count("\n")) == (ExitCode.ENGINE, "", 2)
    # The registry is gone.
    assert said(call, "--pull", "never", name) == (0, "new\n", "")
    assert said(call, name) == (0, "new\n", "")
    code, output, errors = said(call, "--pull", "always", name)
    assert (code, output) == (ExitCode.ENGINE, "")
    assert errors.splitlines()[0] == f"pulling {name}"
    for program in ("tarevm", "tarebox"):
        assert call(program, "clean").returncode == 0
