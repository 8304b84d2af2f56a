import os
import stat
import subprocess
import tarfile
from pathlib import Path

import pytest
import zstandard
from layer_archive import diff_id, layer, member, unpack_bytes, unpacked, zipped

from runtime.image.unpack import unpack
from tare.errors import ImageError

FORMS = [tarfile.PAX_FORMAT, tarfile.GNU_FORMAT, tarfile.USTAR_FORMAT]


@pytest.mark.parametrize("form", FORMS)
def test_all_kinds_of_files_are_made(tmp_path: Path, form: int) -> None:
    data = layer(
        member("./", "dir", mode=0o711, mtime=5),
        member("./etc", "dir", mode=0o1777, uid=3, gid=4, mtime=1000),
        member("./etc/file", data=b"x" * 1000, mode=0o4750, uid=7, gid=8, mtime=2000),
        member("etc/hard", "link", linkname="./etc/file"),
        member("/etc/soft", "symlink", linkname="../../../x", uid=9, mtime=3000),
        member("etc/null", "char", devmajor=1, devminor=3, mode=0o666, uid=1),
        member("etc/disk", "block", devmajor=8, devminor=1),
        member("etc/pipe", "fifo", mode=0o600, mtime=4000),
        member("etc/newline\nin it"),
        form=form,
    )
    result = unpack_bytes(tmp_path, data, diff_id=diff_id(data))
    assert result.diff_id == diff_id(data) and result.size == len(data) and result.entries == 9
    assert not result.skipped
    root, etc = tmp_path.stat(), (tmp_path / "etc").stat()
    assert stat.S_IMODE(root.st_mode) == 0o711 and root.st_mtime == 5
    assert (stat.S_IMODE(etc.st_mode), etc.st_uid, etc.st_gid, etc.st_mtime) == (0o1777, 3, 4, 1000)
    file = (tmp_path / "etc/file").stat()
    assert (stat.S_IMODE(file.st_mode), file.st_uid, file.st_gid, file.st_mtime) == (0o4750, 7, 8, 2000)
    assert file.st_nlink == 2 and (tmp_path / "etc/hard").read_bytes() == b"x" * 1000
    soft = (tmp_path / "etc/soft").lstat()
    assert (tmp_path / "etc/soft").readlink() == Path("../../../x")
    assert (soft.st_uid, soft.st_mtime) == (9, 3000)
    null, disk = (tmp_path / "etc/null").stat(), (tmp_path / "etc/disk").stat()
    assert stat.S_ISCHR(null.st_mode) and null.st_rdev == os.makedev(1, 3) and null.st_uid == 1
    assert stat.S_IMODE(null.st_mode) == 0o666
    assert stat.S_ISBLK(disk.st_mode) and disk.st_rdev == os.makedev(8, 1)
    pipe = (tmp_path / "etc/pipe").stat()
    assert stat.S_ISFIFO(pipe.st_mode) and pipe.st_mtime == 4000
    assert (tmp_path / "etc/newline\nin it").exists()


def test_each_compression_is_recognised(tmp_path: Path) -> None:
    plain = layer(member("a", data=os.urandom(3_000_000)), member("b", data=b"b"))
    skippable = b"\x50\x2a\x4d\x18\x04\0\0\0skip"
    half = len(plain) // 2
    packed = [
        plain,
        zipped(plain),
        zipped(plain[:half]) + zipped(plain[half:]) + bytes(512),
        zstandard.compress(plain),
        zstandard.compress(plain[:half]) + skippable + zstandard.compress(plain[half:]),
        skippable + zstandard.compress(plain),
    ]
    for number, data in enumerate(packed):
        result = unpack_bytes(tmp_path / str(number), data, diff_id=diff_id(plain))
        assert result.size == len(plain)
        assert (tmp_path / str(number) / "b").read_bytes() == b"b"


@pytest.mark.parametrize("form", [tarfile.PAX_FORMAT, tarfile.GNU_FORMAT])
def test_what_a_header_has_no_room_for(tmp_path: Path, form: int) -> None:
    name = "/".join(["d" * 120] * 6)
    data = layer(
        member(name, data=b"far", uid=1 << 30, gid=(1 << 31) + 5, mtime=1 << 34),
        member("near", "symlink", linkname=name),
        member("n" * 255, "link", linkname=name),
        form=form,
    )
    unpack_bytes(tmp_path, data)
    found = (tmp_path / name).stat()
    assert (found.st_uid, found.st_gid) == (1 << 30, (1 << 31) + 5)
    assert (tmp_path / "near").readlink() == Path(name)
    assert (tmp_path / ("n" * 255)).read_bytes() == b"far"


def test_names_and_times_are_exact(tmp_path: Path) -> None:
    info, data = member("x", mtime=0)
    info.pax_headers = {"mtime": "1234567890.123456789", "path": "näme \udcff"}
    unpacked(tmp_path, (info, data), member("before", mtime=-5))
    assert (tmp_path / "näme \udcff").stat().st_mtime_ns == 1234567890_123456789
    assert (tmp_path / "before").stat().st_mtime == -5


@pytest.mark.parametrize("form", ["oldgnu", "pax0.0", "pax0.1", "pax1.0"])
def test_sparse_files_stay_sparse(tmp_path: Path, form: str) -> None:
    source = tmp_path / "source"
    source.mkdir()
    with (source / "sparse").open("wb") as file:
        for place in range(100):
            file.seek(place * 100_000)
            file.write(b"%d" % place)
        file.truncate(20_000_000)
    (source / "tail").write_bytes(b"tail")
    kind = ["--format=gnu"] if form == "oldgnu" else ["--format=posix", f"--sparse-version={form[3:]}"]
    subprocess.run(["tar", "-C", source, "-cSf", tmp_path / "tar", *kind, "sparse", "tail"], check=True)
    target = tmp_path / "target"
    unpack_bytes(target, (tmp_path / "tar").read_bytes())
    assert (target / "sparse").read_bytes() == (source / "sparse").read_bytes()
    assert (target / "sparse").stat().st_blocks * 512 < 2_000_000
    assert (target / "tail").read_bytes() == b"tail"


def test_attributes_and_capabilities(tmp_path: Path) -> None:
    capability = bytes.fromhex("0100000200000000000000000000000000000000")
    info, data = member("ping", data=b"x", mode=0o755, uid=5)
    info.pax_headers = {
        "SCHILY.xattr.security.capability": capability.decode(),
        "SCHILY.xattr.user.note": "a=b\nc",
        "SCHILY.xattr.security.selinux": "no",
        "SCHILY.xattr.trusted.overlay.redirect": "/etc",
        "LIBARCHIVE.xattr.user.other": "aGk",
    }
    result = unpacked(tmp_path, (info, data))
    found = {name: os.getxattr(tmp_path / "ping", name) for name in os.listxattr(tmp_path / "ping")}
    assert not result.skipped
    assert found == {"security.capability": capability, "user.note": b"a=b\nc", "user.other": b"hi"}


def test_whiteouts_are_what_overlayfs_takes(tmp_path: Path) -> None:
    members = [
        member("a/.wh.gone"),
        member("a/.wh..wh..opq"),
        member("a/.wh..wh.plnk"),
        member(".wh.whole"),
        member("stays/file"),
        member(".wh.stays"),
        member(".wh.back"),
        member("back", "dir"),
        member(".wh.implied"),
        member("implied/file"),
        member(".wh.file"),
        member("file", data=b"new"),
    ]
    for attribute, namespace in (("trusted.overlay.opaque", False), ("user.overlay.opaque", True)):
        root = tmp_path / attribute
        unpacked(root, *members, user_namespace=namespace)
        for name in ("a/gone", "whole"):
            found = (root / name).lstat()
            assert stat.S_ISCHR(found.st_mode) and found.st_rdev == 0
        for name in ("a", "stays", "back", "implied"):
            assert os.getxattr(root / name, attribute) == b"y"
        assert (root / "file").read_bytes() == b"new"
        assert sorted(os.listdir(root / "a")) == ["gone"]


def test_the_last_of_several_wins(tmp_path: Path) -> None:
    unpacked(
        tmp_path,
        member("file", data=b"first"),
        member("link", "link", linkname="file"),
        member("file", data=b"second"),
        member("dir/inner/deep"),
        member("dir", data=b"now a file"),
        member("soft", "symlink", linkname="/etc/passwd"),
        member("soft", data=b"not through it"),
        member("again", "dir", mode=0o700, mtime=1),
        member("again/kept"),
        member("again", "dir", mode=0o750, mtime=2),
        member("file", "link", linkname="file"),
        member("pipe", "fifo"),
        member("pipe", "symlink", linkname="x"),
        member("pipe", "fifo"),
        member("was", "symlink", linkname="again"),
        member("was/through"),
        member("was", "dir"),
        member("was/inside"),
    )
    assert (tmp_path / "file").read_bytes() == b"second"
    assert (tmp_path / "link").read_bytes() == b"first"
    assert (tmp_path / "dir").read_bytes() == b"now a file"
    assert (tmp_path / "soft").read_bytes() == b"not through it" and not (tmp_path / "soft").is_symlink()
    assert stat.S_IMODE((tmp_path / "again").stat().st_mode) == 0o750
    assert (tmp_path / "again").stat().st_mtime == 2
    assert sorted(os.listdir(tmp_path / "again")) == ["kept", "through"]
    assert os.listdir(tmp_path / "was") == ["inside"]
    assert (tmp_path / "pipe").is_fifo()


def test_directories_left_out_are_like_those_below(tmp_path: Path) -> None:
    lower, upper = tmp_path / "lower", tmp_path / "upper"
    unpacked(lower, member("./", "dir", mode=0o750), member("home/me", "dir", mode=0o700, uid=1000, mtime=99))
    unpacked(upper, member("home/me/file"), lower=[lower])
    found = (upper / "home/me").stat()
    assert (stat.S_IMODE(found.st_mode), found.st_uid, found.st_mtime) == (0o700, 1000, 99)
    assert stat.S_IMODE(upper.stat().st_mode) == 0o750
    unpacked(tmp_path / "alone", member("home/me/file"))
    assert stat.S_IMODE((tmp_path / "alone/home/me").stat().st_mode) == 0o755


def test_many_directories_need_few_descriptors(tmp_path: Path) -> None:
    names = [f"d{number}/{number % 7}" for number in range(700)]
    unpacked(tmp_path, *(member(name) for name in names), *(member(name + "/x") for name in ["deep/" * 150]))
    assert all((tmp_path / name).exists() for name in names)


def test_the_digest_is_checked(tmp_path: Path) -> None:
    data = layer(member("x"))
    with pytest.raises(ImageError, match=f"unpacks to {diff_id(data)} instead of"):
        unpack_bytes(tmp_path, data, diff_id="sha256:" + "0" * 64)


def test_a_tree_made_by_tar_is_the_same(tmp_path: Path) -> None:
    archive, expected, found = tmp_path / "archive", tmp_path / "expected", tmp_path / "found"
    subprocess.run(["tar", "-C", "/usr/lib/python3", "-czf", archive, "."], check=True)
    expected.mkdir()
    found.mkdir()
    subprocess.run(["tar", "-C", expected, "-xf", archive], check=True)
    with archive.open("rb") as file:
        unpack(file, found)
    listing = [
        subprocess.run(
            ["find", ".", "-printf", "%p %y %m %U %G %s %T@ %l\\n"], cwd=root, check=True, capture_output=True
        ).stdout.splitlines()
        for root in (expected, found)
    ]
    same_sizes = [sorted(line for line in lines if b" d " not in line) for lines in listing]
    assert same_sizes[0] == same_sizes[1]
    subprocess.run(["diff", "-r", "--no-dereference", expected, found], check=True)


def test_times_no_file_can_have_become_the_first_or_last(tmp_path: Path) -> None:
    info, data = member("x")
    info.pax_headers = {"mtime": "99999999999999999999"}
    early, _ = member("y")
    early.pax_headers = {"mtime": "-99999999999999999999"}
    unpacked(tmp_path, (info, data), (early, b""))
    assert (tmp_path / "y").stat().st_mtime < 0 < (tmp_path / "x").stat().st_mtime
