"""A container that fills the disk which its own records are on."""

import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from runtime import ContainerSpec
from runtime.lifecycle import Containers, Networking, Settings
from tare.state import State


@pytest.fixture
def small(tmp_path) -> Iterator[State]:
    """A state on a disk of two megabytes."""
    disk = tmp_path / "disk"
    disk.mkdir()
    subprocess.run(["mount", "-t", "tmpfs", "-o", "size=2m", "tmpfs", disk], check=True)
    yield State.at(disk)
    subprocess.run(["umount", disk], check=True)


def test_its_end_is_on_record(small, image: Path) -> None:
    fill = ("sh", "-c", "cat /dev/zero > /file 2>/dev/null; exit 9")
    settings = Settings(ContainerSpec(image, fill), networking=Networking("none"))
    with Containers(small) as containers:
        identity = containers.run(settings)
        assert containers.wait(identity, timeout=30) == 9
        assert [record.status() for record in containers.list(every=True)] == ["exited"]
        containers.remove(identity)
        assert containers.list(every=True) == []
