"""A plugin with records that are made here, around plain processes that stand for a container's.

Test modules import from it too, before pytest could rewrite its assertions: PYTEST_DONT_REWRITE.
"""

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

import pytest
from leftovers import leftovers

from runtime.cgroups import manager
from runtime.cgroups.manager import Manager
from runtime.oci.cli import Options
from runtime.oci.record import Record, start_time
from tare.state import PREFIX, State

ROOT = Path(__file__).parents[2]
MAIN = f"import sys; sys.path.insert(0, {str(ROOT)!r}); from runtime.oci.cli import main; main()"
COMMAND = [sys.executable, "-S", "-I"]


@dataclass
class Box:
    """A record whose process is a child of the test; no control groups."""

    root: Path
    record: Record
    process: subprocess.Popen[bytes]

    @property
    def path(self) -> Path:
        return Path(self.record.path)

    def configure(self, **config: object) -> None:
        (self.path / "config.json").write_text(json.dumps(config))

    def run(self, *arguments: str) -> subprocess.CompletedProcess[str]:
        command = [*COMMAND, "-c", MAIN, "--root", str(self.root), *arguments]
        return subprocess.run(command, capture_output=True, text=True, check=False, timeout=20)

    def ok(self, *arguments: str) -> str:
        done = self.run(*arguments)
        assert done.returncode == 0, done.stderr
        return done.stdout

    def fails(self, *arguments: str) -> str:
        done = self.run(*arguments)
        assert done.returncode == 1, done
        assert done.stderr.count("\n") == 1, done.stderr
        return done.stderr

    def end(self) -> None:
        self.process.kill()
        self.process.wait()


@pytest.fixture
def root(tmp_path) -> Path:
    return tmp_path / "oci"


@pytest.fixture
def options(root) -> Options:
    options = Options()
    options.root = str(root)
    options.log = str(root.parent / "log")
    return options


@pytest.fixture
def box(root) -> Iterator[Box]:
    """A running one."""
    with subprocess.Popen(["sleep", "1000"]) as process:
        record = Record(str(root), "box")
        record.make(b'{"linux": {"namespaces": [{"type": "pid"}]}}')
        record.values = {
            "ociVersion": "1.3.0",
            "id": "box",
            "pid": process.pid,
            "start_time": start_time(process.pid),
            "bundle": "/bundle",
            "rootfs": "/bundle/rootfs",
            "created": "2030-01-02T03:04:05Z",
            "owner": 0,
        }
        record.write()
        yield Box(root, record, process)
        process.kill()


@pytest.fixture
def created(box) -> Iterator[tuple[Box, int]]:
    """One that was not started, with the reading end of its fifo."""
    os.mkfifo(box.record.fifo)
    fifo = os.open(box.record.fifo, os.O_RDWR | os.O_NONBLOCK)
    yield box, fifo
    os.close(fifo)


@pytest.fixture
def grouped(box, tmp_path) -> Iterator[tuple[Box, Manager, subprocess.Popen[bytes]]]:
    """A running one with control groups, in which there is a second process."""
    groups = manager.for_container("", f"{PREFIX}{State.at(tmp_path).tag}-box")
    groups.create({})
    with subprocess.Popen(["sleep", "1000"]) as second:
        for process in (box.process, second):
            for path in groups.paths.values():
                Path(path, "cgroup.procs").write_text(str(process.pid))
        box.record.values["cgroups"] = groups.saved()
        box.record.write()
        yield box, groups, second
        if groups.processes():
            groups.kill()
        second.kill()
        box.end()
    groups.remove()
    assert leftovers(State.at(tmp_path)) == []


def has_ended(process: subprocess.Popen[bytes]) -> bool:
    with suppress(subprocess.TimeoutExpired):
        process.wait(0.1)
    return process.returncode is not None


def hook(script: str, **more: object) -> dict[str, object]:
    return {"path": "/bin/sh", "args": ["sh", "-c", script], **more}


def ran(path: Path) -> list[str]:
    return path.read_text().split() if path.exists() else []
