"""`tarebox system prune` with filters, and of what other storage drivers and flattened images have."""

import os
import time
from contextlib import ExitStack
from pathlib import Path

import pytest

from runtime.commandline import creation
from runtime.commands import create
from runtime.lifecycle import Containers
from tare.parser import Parser


@pytest.fixture
def two(said, tmp_path) -> str:
    """The id of an image `two` with two layers, unpacked by two drivers and as one directory."""
    (tmp_path / "file").write_text("new")
    said("create", "--name", "changing", "busybox", "true")
    said("cp", str(tmp_path / "file"), "changing:/file")
    identity = said("commit", "changing", "two")
    said("rm", "changing")
    said("--storage-driver", "vfs", "run", "--rm", "--network", "none", "two", "true")
    return identity


def test_what_other_drivers_unpacked_goes_with_its_image(said, state, two):
    flattened = said("image", "mount", "two")
    assert flattened.startswith(str(state.data / "cache/rootfs"))
    layers = state.data / "layers"
    assert len(list(layers.glob("*/layers/*"))) == 4
    assert said("system", "prune", "-f") == "Total reclaimed space: 0B"
    assert said("image", "mount", "two") == flattened
    said("--storage-driver", "vfs", "create", "--name", "user", "busybox", "true")
    half_removed = Path(flattened).with_name(f".new-{Path(flattened).name}")
    (half_removed / "left").mkdir(parents=True)
    said("rmi", "two")
    assert not half_removed.exists()
    assert [path.parts[-3] for path in sorted(layers.glob("*/layers/*"))] == ["overlay", "vfs"]
    assert list((state.data / "cache/rootfs").glob("[!.]*")) == []
    said("rm", "user")
    said("system", "prune", "-af")
    assert list(layers.glob("*/layers/*")) == []
    assert said("system", "check") == ""


def test_filters(said, fault, two):
    for name, label in (("kept", "keep=1"), ("gone", "keep=0")):
        alone = ("--network", "none", "--label", label)
        said("run", "--name", name, *alone, "busybox", "true")
        said("network", "create", "--label", label, name)
        said("volume", "create", "--label", label, name)
        said("commit", "-c", f"LABEL {label}", name, name)
    said("run", "--name", "anonymous", "--rm", "--network", "none", "-v", "/data", "busybox", "true")
    assert said("system", "prune", "-af", "--filter", "until=1h", "--filter", "label=keep") == (
        "Total reclaimed space: 0B"
    )
    text = said("system", "prune", "-af", "--volumes", "--filter", "label=keep=0")
    assert "Deleted Networks:\ngone\n" in text
    assert "Untagged: gone:latest" in text
    assert said("ps", "-a", "--format", "{{.Names}}") == "kept"
    assert said("network", "ls", "-q", "--filter", "label=keep").count("\n") == 0
    assert set(said("images", "--format", "{{.Repository}}").split()) == {"busybox", "two", "kept"}
    assert set(said("volume", "ls", "-q").split()) == {"kept", "gone"}
    assert "for volumes" in fault(1, "system", "prune", "-f", "--volumes", "--filter", "until=1h")
    assert "invalid filter 'colour'" in fault(1, "system", "prune", "-f", "--filter", "colour=red")
    assert fault(1, "system", "prune", "-f", "--filter", "until=soon")
    assert said("network", "prune", "-f", "--filter", "label!=keep") == ""


def test_the_question_names_the_filters(tarebox):
    master, terminal = os.openpty()
    try:
        os.write(master, b"n\n")
        asked = tarebox("system", "prune", "--filter=label=a", input=None, stdin=terminal)
    finally:
        os.close(master)
        os.close(terminal)
    assert asked.returncode == 1
    assert "  - all dangling images\n" in asked.stdout
    assert "will be filtered with:\n  - label=a\n" in asked.stdout


def test_a_prune_waits_for_who_has_chosen_an_image(start, said, state):
    parser = Parser("tarebox create", create.SUMMARY)
    create.add_arguments(parser)
    options = parser.read(["--name", "box", "--network", "none", "busybox", "true"])
    with Containers(state) as containers, ExitStack() as until_made:
        settings = creation.make(options, state, containers, until_made)
        with start("system", "prune", "-af") as prune:
            await_blocked(prune.pid)
            creation.create(options, containers, settings)
            until_made.close()
            output = prune.communicate()[0]
    # It had looked for stopped containers before.
    assert output == "Total reclaimed space: 0B\n"
    assert said("start", "-a", "box") == ""


def await_blocked(pid: int) -> None:
    """Wait until a process waits for a lock; see proc_locks(5)."""
    for _ in range(1000):
        for line in Path("/proc/locks").read_text().splitlines():
            words = line.split()
            if words[1] == "->" and words[5] == str(pid):
                return
        time.sleep(0.01)
    raise AssertionError("it didn't wait")
