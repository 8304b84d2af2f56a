"""Disk images: every format and file system, sizes, full disks."""

import os
import subprocess
import sys
import threading
from pathlib import Path

import pytest

from tare.errors import ImageError, UsageError
from vm_baseline.disk import DiskSpec, build_disk, cached_disk, shared_disk
from vm_baseline.errors import HypervisorError
from vm_baseline.filesystem import filesystem, filesystems
from vm_baseline.format import format_named, formats

MIB = 1 << 20
PROJECT = Path(__file__).parents[2]


@pytest.mark.parametrize("form", sorted(formats()))
def test_a_disk_in_every_format_holds_the_image(tmp_path, rootfs, form) -> None:
    disk = build_disk(rootfs, tmp_path / "disk", DiskSpec(form))
    assert disk.format == form
    assert 0 < disk.allocated < disk.virtual
    assert [path.name for path in tmp_path.iterdir()] == ["disk"]


@pytest.mark.parametrize("kind", sorted(filesystems()))
def test_equal_images_make_equal_disks(tmp_path, rootfs, kind) -> None:
    first, second = (
        build_disk(rootfs, tmp_path / name, DiskSpec(filesystem=kind)) for name in ("one", "two")
    )
    assert first.path.read_bytes() == second.path.read_bytes()


def test_the_file_system_is_whole_and_has_what_a_root_has(tmp_path) -> None:
    root = tmp_path / "root"
    root.mkdir()
    (root / "file").write_text("linked")
    os.link(root / "file", root / "link")
    os.chown(root / "file", 1000, 100)
    (root / "file").chmod(0o4750)
    os.setxattr(root / "file", "user.note", b"kept")
    os.mknod(root / "null", 0o020666, os.makedev(1, 3))
    with (root / "sparse").open("wb") as file:
        file.truncate(64 * MIB)
    disk = build_disk(root, tmp_path / "disk")
    subprocess.run(["/usr/sbin/e2fsck", "-fn", disk.path], check=True, capture_output=True)
    assert disk.allocated < 16 * MIB

    def asked(request: str) -> str:
        command = ["/usr/sbin/debugfs", "-R", request, disk.path]
        return subprocess.run(command, capture_output=True, text=True, check=True).stdout

    about = asked("stat /link")
    assert "Mode:  04750" in about
    assert "User:  1000   Group:   100" in about
    assert "Links: 2" in about
    assert "user.note" in asked("ea_list /file")
    assert "Type: character special" in asked("stat /null")


def test_a_size_is_what_the_guest_sees(tmp_path, rootfs) -> None:
    disk = build_disk(rootfs, tmp_path / "disk", DiskSpec("qcow2", size=300 * MIB))
    assert disk.virtual == 300 * MIB


def test_a_size_that_is_too_small_is_said(tmp_path, rootfs) -> None:
    with pytest.raises(UsageError, match=r"1 MiB are too few .*give at least \d+ MiB"):
        build_disk(rootfs, tmp_path / "disk", DiskSpec(size=MIB))
    with pytest.raises(UsageError, match="squashfs is as large as its files"):
        build_disk(rootfs, tmp_path / "disk", DiskSpec(filesystem="squashfs", size=300 * MIB))
    assert list(tmp_path.iterdir()) == []


def test_unknown_kinds_are_said(tmp_path) -> None:
    with pytest.raises(UsageError, match=r"no disk format zip.*qcow2, raw, vdi, vhdx, vmdk"):
        format_named("zip")
    with pytest.raises(UsageError, match=r"no file system fat for disks.*erofs, ext4, squashfs"):
        filesystem("fat")
    with pytest.raises(ImageError):
        build_disk(tmp_path / "none", tmp_path / "disk")


def test_two_at_once_make_one(state, rootfs) -> None:
    made = []

    def build() -> None:
        made.append(shared_disk(state, rootfs, "twice"))

    threads = [threading.Thread(target=build) for _ in range(2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert made == [cached_disk(state, "twice")] * 2
    assert [path.name for path in made[0].parent.glob("*twice*")] == [made[0].name]
    made[0].unlink()


@pytest.mark.parametrize("kind", sorted(filesystems()))
def test_a_full_disk_leaves_nothing(tmp_path, rootfs, kind) -> None:
    small = tmp_path / "small"
    small.mkdir()
    program = f"""
import sys; sys.path.insert(0, {str(PROJECT)!r})
from pathlib import Path
from vm_baseline.disk import DiskSpec, build_disk
from vm_baseline.errors import HypervisorError
small = Path({str(small)!r})
try:
    build_disk(Path({str(rootfs)!r}), small / "disk", DiskSpec(filesystem={kind!r}))
except HypervisorError as error:
    print(error, list(small.iterdir()))
"""
    mounted = 'mount -t tmpfs -o size=512k tmpfs "$1" && exec "$2" -c "$3"'
    command = ["unshare", "--mount", "sh", "-c", mounted, "sh", small, sys.executable, program]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.stdout == f"no space left below {small}; make room and try again []\n", done.stderr


def test_a_missing_tool_is_named(tmp_path, rootfs, monkeypatch) -> None:
    monkeypatch.setattr("vm_baseline.tools._PATH", "/nowhere")
    with pytest.raises(HypervisorError, match="mkfs.erofs is missing; install the package erofs-utils"):
        build_disk(rootfs, tmp_path / "disk", DiskSpec(filesystem="erofs"))
