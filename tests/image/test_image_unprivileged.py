"""An image unpacked by an ordinary user, and the list of whose its files are, over all layers."""

import os
import stat
from pathlib import Path

import pytest
from image_making import docker_archive
from layer_archive import layer, member

from runtime.image import unprivileged
from runtime.image.saving import load
from runtime.image.store import ImageStore
from tare.owners import Owners
from tare.state import State

CAPABILITY = {"SCHILY.xattr.security.capability": "\x01\0\0\x02\0\x20" + "\0" * 14}


@pytest.fixture
def unpacked(tmp_path):
    def unpack(*layers: bytes) -> Path:
        archive = tmp_path / "archive"
        docker_archive(archive, {f"{number}.tar": data for number, data in enumerate(layers)})
        store = ImageStore(State.at(tmp_path / "state"))
        load(store, archive)
        with store.content.adding():
            unprivileged.unpack(store.content, store.get("old:1"), tmp_path / "fs")
        return tmp_path / "fs"

    return unpack


def listed(files: Path, path: str) -> tuple[int, int, int, int]:
    about = Owners.of(files).status(path, (files / path).lstat())
    return about.mode, about.uid, about.gid, about.device


def test_all_files_are_readable_and_ones_own(unpacked) -> None:
    files = unpacked(
        layer(
            member("./", "dir", uid=3, gid=4, mode=0o711),
            member("closed/", "dir", uid=5, gid=6, mode=0),
            member("closed/file", data=b"x", uid=70_000, gid=70_001, mode=0o4000),
            member("closed/link", "symlink", linkname="file", uid=7, gid=8),
            member("closed/again", "link", linkname="closed/file"),
            member("pipe", "fifo", uid=9, gid=9, mode=0o620),
            member("capable", mode=0o755, pax_headers=CAPABILITY),
        )
    )
    for path in files.rglob("*"):
        assert (path.lstat().st_uid, path.lstat().st_gid) == (os.geteuid(), os.getegid())
    assert (files / "closed").stat().st_mode & 0o700 == 0o700
    assert (files / "closed/file").stat().st_mode & 0o600 == 0o600
    assert listed(files, "") == (stat.S_IFDIR | 0o711, 3, 4, 0)
    assert listed(files, "closed") == (stat.S_IFDIR, 5, 6, 0)
    assert listed(files, "closed/file") == (stat.S_IFREG | 0o4000, 70_000, 70_001, 0)
    assert listed(files, "closed/again") == listed(files, "closed/file")
    assert listed(files, "closed/link") == (stat.S_IFLNK | 0o777, 7, 8, 0)
    assert listed(files, "pipe") == (stat.S_IFIFO | 0o620, 9, 9, 0)
    about = Owners.of(files).status("capable", (files / "capable").lstat())
    assert about.attributes == {"security.capability": b"\x01\0\0\x02\0\x20" + bytes(14)}


def test_a_later_layer_has_the_last_word(unpacked) -> None:
    first = layer(
        member("kept/", "dir", uid=1, gid=1),
        member("kept/old", uid=1, gid=1),
        member("replaced", uid=2, gid=2),
        member("became/", "dir", uid=3, gid=3),
        member("became/file", uid=3, gid=3),
        member("gone/", "dir", uid=4, gid=4),
        member("gone/file", uid=4, gid=4),
    )
    second = layer(
        member("kept/new", uid=5, gid=5),
        member("replaced", uid=6, gid=6),
        member("became", "symlink", linkname="/etc", uid=7, gid=7),
        member(".wh.gone"),
    )
    third = layer(member("gone/other", uid=8, gid=8))
    files = unpacked(first, second, third)
    owners = {
        path: listed(files, path)[1]
        for path in ("kept", "kept/old", "kept/new", "replaced", "became", "gone", "gone/other")
    }
    assert owners == {
        "kept": 1,
        "kept/old": 1,
        "kept/new": 5,
        "replaced": 6,
        "became": 7,
        "gone": 0,
        "gone/other": 8,
    }
    assert sorted(os.listdir(files / "gone")) == ["other"]
    assert sorted(path.name for path in files.iterdir()) == ["became", "gone", "kept", "replaced"]
