"""Layers unpacked in a user namespace, as an ordinary user's are."""

import os
import stat
import subprocess
import sys
from pathlib import Path

from layer_archive import layer, member

ROOT = Path(__file__).parent.parent.parent
UNPACK = """
import pathlib, sys
from runtime.image.unpack import unpack
from tare.errors import ImageError
source, target, owners = sys.argv[1:]
try:
    with open(source, "rb") as file:
        done = unpack(file, pathlib.Path(target), user_namespace=True, owners=owners == "owners")
    print(*done.skipped)
except ImageError as error:
    print(error)
"""


def unpack_mapped(tmp_path: Path, data: bytes, owners: str) -> str:
    """Unpack in a namespace that has one user only."""
    (tmp_path / "layer").write_bytes(data)
    target = tmp_path / owners
    target.mkdir()
    command = ("unshare", "--user", "--map-root-user", sys.executable, "-c", UNPACK)
    done = subprocess.run(
        [*command, tmp_path / "layer", target, owners], check=True, capture_output=True, text=True, cwd=ROOT
    )
    return done.stdout.strip()


DATA = layer(
    member("file", data=b"x", uid=7, gid=8, mode=0o4755),
    member("null", "char", devmajor=1, devminor=3),
    member(".wh.gone"),
    member("dir/.wh..wh..opq"),
    member("pipe", "fifo"),
)


def test_a_user_unpacks_what_a_user_can(tmp_path: Path) -> None:
    said = unpack_mapped(tmp_path, DATA, "none")
    assert said == "device null"
    target = tmp_path / "none"
    gone = (target / "gone").lstat()
    assert stat.S_ISCHR(gone.st_mode) and gone.st_rdev == 0
    assert os.getxattr(target / "dir", "user.overlay.opaque") == b"y"
    assert (target / "file").stat().st_uid == 0 and (target / "pipe").is_fifo()
    assert not (target / "null").exists()


def test_an_owner_outside_the_namespace_is_one_line(tmp_path: Path) -> None:
    said = unpack_mapped(tmp_path, DATA, "owners")
    assert said.startswith("can't unpack 'file' of a layer: Invalid argument; an id may lie outside")
    assert "\n" not in said
