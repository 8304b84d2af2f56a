import os
import socket
import subprocess
import tarfile
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from layer_archive import member, unpacked

from runtime.image.content import Content
from runtime.image.layer_writer import Compression
from runtime.image.pack import pack, write_tar
from runtime.image.unpack import unpack
from tare.errors import ImageError

CAPABILITY = bytes.fromhex("0100000200000000000000000000000000000000")


def make_tree(root: Path) -> None:
    root.mkdir()
    (root / "dir").mkdir(mode=0o1777)
    (root / "dir/file").write_bytes(os.urandom(70_000))
    (root / "dir/hard").hardlink_to(root / "dir/file")
    (root / "before").hardlink_to(root / "dir/file")
    (root / "soft").symlink_to("/nowhere")
    (root / ("long" * 50)).write_text("long")
    (root / "näme\n \udcff").write_text("odd")
    os.mkfifo(root / "pipe")
    os.mknod(root / "null", 0o20666, os.makedev(1, 3))
    os.setxattr(root / "dir/file", "security.capability", CAPABILITY)
    os.setxattr(root / "dir", "user.note", b"\xff\0binary")
    os.chown(root / "soft", 5, 1 << 30, follow_symlinks=False)
    (root / "dir/file").chmod(0o4755)
    os.utime(root / "dir/file", (1, -9))
    os.utime(root / "dir", (1, 10_000_000_000))
    with socket.socket(socket.AF_UNIX) as listener:
        listener.bind(str(root / "socket"))


def described(root: Path) -> list[tuple]:
    found = []
    for directory, names, files in os.walk(root):
        for path in (Path(directory, name) for name in (*names, *files)):
            status = path.lstat()
            attributes = {
                name: os.getxattr(path, name, follow_symlinks=False)
                for name in os.listxattr(path, follow_symlinks=False)
            }
            content = path.read_bytes() if path.is_file() and not path.is_symlink() else b""
            link = os.readlink(path) if path.is_symlink() else ""  # noqa: PTH115 - with a surrogate
            fields = (status.st_mode, status.st_uid, status.st_gid, int(status.st_mtime), status.st_rdev)
            links = status.st_nlink if path.is_file() else 0
            found.append((str(path.relative_to(root)), fields, links, attributes, content, link))
    return sorted(found, key=lambda entry: os.fsencode(entry[0]))


@pytest.mark.parametrize("compression", ["gzip", "zstd", "none"])
def test_what_is_packed_is_unpacked(tmp_path: Path, compression: Compression) -> None:
    tree, target = tmp_path / "tree", tmp_path / "target"
    make_tree(tree)
    content = Content(tmp_path / "content")
    packed = pack(tree, content, compression=compression)
    assert content.verify(packed.descriptor.digest)
    assert content.size(packed.descriptor.digest) == packed.descriptor.size
    target.mkdir()
    with content.open(packed.descriptor.digest) as file:
        result = unpack(file, target, diff_id=packed.diff_id)
    assert (result.size, result.entries) == (packed.size, packed.entries)
    (tree / "socket").unlink()
    os.utime(tree, (0, 0))
    assert described(target) == described(tree)


def test_the_same_files_make_the_same_layer(tmp_path: Path) -> None:
    content = Content(tmp_path / "content")
    digests = set()
    for number in range(2):
        root = tmp_path / str(number)
        root.mkdir()
        for name in "ab" if number else "ba":
            (root / name).write_text(name)
        digests.add(pack(root, content, epoch=1).descriptor.digest)
    assert len(digests) == 1


def test_tar_reads_it(tmp_path: Path) -> None:
    make_tree(tmp_path / "tree")
    with (tmp_path / "tar").open("wb") as file:
        write_tar(tmp_path / "tree", file.write)
    (tmp_path / "target").mkdir()
    subprocess.run(
        ["tar", "-C", tmp_path / "target", "--xattrs", "--xattrs-include=*", "-xf", tmp_path / "tar"],
        check=True,
    )
    (tmp_path / "tree/socket").unlink()
    assert described(tmp_path / "target") == described(tmp_path / "tree")


def test_an_upper_directory_becomes_a_layer_with_whiteouts(tmp_path: Path) -> None:
    upper, again = tmp_path / "upper", tmp_path / "again"
    unpacked(
        upper, member("a/.wh.gone"), member("b/.wh..wh..opq"), member("b/new"), member("c/d/.wh..wh..opq")
    )
    content = Content(tmp_path / "content")
    packed = pack(upper, content, compression="none")
    with tarfile.open(content.path(packed.descriptor.digest)) as archive:
        assert archive.getnames() == [
            ".",
            "a",
            "a/.wh.gone",
            "b",
            "b/.wh..wh..opq",
            "b/new",
            "c",
            "c/d",
            "c/d/.wh..wh..opq",
        ]
    again.mkdir()
    with content.open(packed.descriptor.digest) as file:
        unpack(file, again)
    assert described(again) == described(upper)


def test_what_a_layer_cannot_say(tmp_path: Path) -> None:
    content = Content(tmp_path / "content")
    (tmp_path / "name").mkdir()
    (tmp_path / "name/.wh.file").touch()
    with pytest.raises(ImageError, match="means a deletion"):
        pack(tmp_path / "name", content)
    for attribute, kind in (("redirect", "mkdir"), ("metacopy", "touch")):
        root = tmp_path / attribute
        root.mkdir()
        getattr(root / "x", kind)()
        os.setxattr(root / "x", f"trusted.overlay.{attribute}", b"y")
        with pytest.raises(ImageError, match="pack the whole root"):
            pack(root, content)
    with pytest.raises(ImageError, match="No such file"):
        pack(tmp_path / "missing", content)
    assert not list(content.digests()) and not list(content.partial())


def test_a_link_is_not_followed(tmp_path: Path) -> None:
    (tmp_path / "tree").mkdir()
    (tmp_path / "secret").write_text("secret")
    (tmp_path / "tree/link").symlink_to("../secret")
    (tmp_path / "tree/dir").symlink_to("..")
    parts: list[bytes] = []
    assert write_tar(tmp_path / "tree", parts.append) == 3
    assert b"secret" not in b"".join(parts).replace(b"../secret", b"")


names = st.text(
    st.characters(exclude_characters="/\0", exclude_categories=["Cs"]), min_size=1, max_size=40
).filter(lambda name: name not in (".", "..") and not name.startswith(".wh.") and len(name.encode()) < 256)


@settings(max_examples=40, deadline=None)
@given(st.dictionaries(names, st.binary(max_size=2000) | st.none(), max_size=5))
def test_any_tree_survives(
    tmp_path_factory: pytest.TempPathFactory, entries: dict[str, bytes | None]
) -> None:
    base = tmp_path_factory.mktemp("tree")
    (base / "tree").mkdir()
    (base / "target").mkdir()
    for name, data in entries.items():
        path = base / "tree" / name
        if data is None:
            path.mkdir()
        else:
            path.write_bytes(data)
    content = Content(base / "content")
    packed = pack(base / "tree", content)
    with content.open(packed.descriptor.digest) as file:
        unpack(file, base / "target", diff_id=packed.diff_id)
    found, expected = described(base / "target"), described(base / "tree")
    assert found == expected
