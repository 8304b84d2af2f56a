"""Containers from their start to their image on the storage drivers that aren't the usual one."""

import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from runtime import Engine

Drive = Callable[..., str]
_DISK = """\
set -e
mkfs.btrfs -q "$1" >/dev/null
mount -o loop "$1" "$2"
echo ready
exec cat
"""


@pytest.fixture
def btrfs(bare) -> Iterator[list[str]]:
    """Words before a command to whom the state lies on btrfs, in a mount namespace of its own."""
    root = bare.data.parent
    root.mkdir()
    image = root.with_name("disk")
    with image.open("wb") as file:
        file.truncate(160 << 20)
    making = ["unshare", "--mount", "--propagation", "private", "sh", "-c", _DISK, "sh", image, root]
    with subprocess.Popen(making, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as stage:
        assert stage.stdout.readline() == "ready\n"
        yield ["nsenter", f"--mount=/proc/{stage.pid}/ns/mnt"]
        stage.stdin.close()


@pytest.fixture(params=["fuse-overlayfs", "vfs", "btrfs"])
def drive(request, program, environment, bare) -> Drive:
    """What `tarebox` prints on a storage driver, where it has to succeed."""
    place = request.getfixturevalue("btrfs") if request.param == "btrfs" else []

    def said(*arguments: str) -> str:
        ended = subprocess.run(
            [*place, *program, "--storage-driver", request.param, *arguments],
            env=environment,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            timeout=60,
            check=False,
        )
        assert (ended.returncode, ended.stderr) == (0, ""), arguments
        return ended.stdout.removesuffix("\n")

    if not place:
        request.getfixturevalue("state")
    else:
        said("image", "bootstrap", "busybox")
    return said


def test_a_container_from_its_start_to_its_image(drive, tmp_path):
    alone = ("--network", "none")
    assert drive("run", "--rm", *alone, "busybox", "echo", "hello") == "hello"
    drive("run", "-d", "--name", "box", *alone, "busybox", "sleep", "1000")
    drive("exec", "box", "sh", "-c", "echo kept >/kept; rm /bin/vi")
    drive("restart", "-t", "0", "box")
    assert drive("exec", "box", "cat", "/kept") == "kept"
    (tmp_path / "sent").write_text("sent")
    drive("cp", str(tmp_path / "sent"), "box:/sent")
    assert drive("diff", "box").splitlines() == ["C /bin", "D /bin/vi", "A /kept", "A /sent"]
    drive("commit", "box", "mine")
    drive("kill", "box")
    drive("wait", "box")
    drive("cp", "box:/kept", str(tmp_path / "got"))
    assert (tmp_path / "got").read_text() == "kept\n"
    drive("start", "box")
    assert drive("exec", "box", "cat", "/sent") == "sent"
    drive("rm", "-f", "box")
    script = "cat /kept; test ! -e /bin/vi"
    assert drive("run", "--rm", *alone, "mine", "sh", "-c", script) == "kept"
    assert drive("system", "check") == ""


def test_the_engine_runs_images_of_fuse_overlayfs(state, monkeypatch):
    monkeypatch.setenv("TAREBOX_STORAGE_DRIVER", "fuse-overlayfs")
    with Engine(state) as engine:
        assert engine.run("busybox", ["sh", "-c", "touch /x && exit 7"], network="none") == 7
    assert not list((state.data / "layers/fuse-overlayfs/containers").iterdir())
    assert "fuse-overlayfs" not in Path("/proc/self/mounts").read_text()
