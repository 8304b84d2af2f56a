"""What a container changed, packed as a layer and unpacked again over the same image."""

import io
import os
import stat
from pathlib import Path

import pytest

from runtime.image.pack import write_tar
from runtime.image.unpack import unpack
from runtime.storage import registry, tree
from runtime.storage.protocol import Driver
from tare.state import State

BASE, TOP = "sha256:" + "b" * 64, "sha256:" + "c" * 64


@pytest.fixture(params=["overlay", "vfs", "fuse-overlayfs"])
def driver(request, tmp_path) -> Driver:
    return registry.driver(State.at(tmp_path), request.param)


def base(path: Path) -> None:
    for name in ("kept", "gone", "replaced"):
        (path / name).mkdir()
        (path / name / "file").write_text(f"{name}\n")


def change(root: Path) -> None:
    (root / "gone/file").unlink()
    (root / "gone").rmdir()
    (root / "replaced/file").unlink()
    (root / "replaced").rmdir()
    (root / "replaced").mkdir()
    (root / "replaced/other").write_text("other\n")
    (root / "kept/new").write_text("new\n")
    (root / "kept/new").chmod(0o4751)
    os.setxattr(root / "kept/new", "user.colour", b"red")
    os.link(root / "kept/new", root / "kept/again")
    os.mkfifo(root / "fifo")


def listing(root: int) -> dict[str, tuple[object, ...]]:
    found: dict[str, tuple[object, ...]] = {}
    for path, descriptor, entries in tree.walk(root):
        for name, entry in entries:
            place = Path(f"/proc/self/fd/{descriptor}/{name}")
            content = place.read_text() if stat.S_ISREG(entry.st_mode) else None
            found[f"{path}/{name}"] = (entry.st_mode, entry.st_uid, content, os.listxattr(place))
    return found


def test_a_commit_makes_the_same_tree(driver) -> None:
    driver.add_layer(BASE, None, base)
    driver.create("one", BASE)
    with driver.opened("one") as root:
        change(Path(f"/proc/self/fd/{root}"))
        then = listing(root)
    packed = io.BytesIO()
    with driver.difference("one") as difference:
        write_tar(difference, packed.write)
    packed.seek(0)
    lower = driver.image(BASE).lowers

    def fill(path: Path) -> None:
        unpack(packed, path, lower=lower)

    driver.add_layer(TOP, BASE, fill)
    driver.create("two", TOP)
    with driver.opened("two") as root:
        assert listing(root) == then
        again = Path(f"/proc/self/fd/{root}/kept/again")
        assert again.stat().st_ino == again.with_name("new").stat().st_ino
    assert list(driver.changes("two")) == []
