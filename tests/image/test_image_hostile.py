import bz2
import gzip
import io
import lzma
import os
import random
import tarfile
import threading
import zlib
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

import pytest
import zstandard
from hypothesis import given, settings
from hypothesis import strategies as st
from layer_archive import KINDS, layer, member, unpack_bytes, unpacked, zipped

from runtime.image.compression import Limits
from runtime.image.unpack import unpack
from tare.errors import ImageError

SECRET = b"the host's"


@pytest.fixture
def outside(tmp_path: Path) -> Iterator[Path]:
    """A directory beside the layer's that must stay as it is."""
    path = tmp_path / "outside"
    path.mkdir()
    (path / "file").write_bytes(SECRET)
    os.utime(path / "file", (7, 7))
    path.chmod(0o705)
    os.utime(path, (7, 7))
    before = path.stat()
    yield path
    after, file = path.stat(), (path / "file").stat()
    assert os.listdir(path) == ["file"] and (path / "file").read_bytes() == SECRET
    assert (after.st_mode, after.st_uid, after.st_mtime) == (before.st_mode, 0, 7)
    assert (file.st_mtime, file.st_nlink, file.st_uid) == (7, 1, 0)


@pytest.mark.parametrize("name", ["../outside/x", "a/../../outside/x", "..", "/../outside/x", "a/.."])
@pytest.mark.parametrize("kind", ["file", "dir", "symlink", "fifo"])
def test_no_name_leads_upwards(tmp_path: Path, outside: Path, name: str, kind: str) -> None:
    with pytest.raises(ImageError, match="leads upwards"):
        unpacked(tmp_path / "layer", member(name, kind, linkname="x"))


@pytest.mark.parametrize("target", ["../outside", "/{}", "../../../../../../../../{}"])
def test_a_link_is_followed_inside_only(tmp_path: Path, outside: Path, target: str) -> None:
    target = target.format(str(outside)[1:])
    for name in ("x", "file", ".wh.file", ".wh..wh..opq"):
        with pytest.raises(ImageError):
            unpacked(tmp_path / "layer", member("link", "symlink", linkname=target), member(f"link/{name}"))


def test_a_link_into_the_layer_is_followed_as_in_a_container(tmp_path: Path, outside: Path) -> None:
    inside = f"layer{outside}"
    unpacked(
        tmp_path / "layer",
        member(str(outside), "dir"),
        member("link", "symlink", linkname=str(outside)),
        member("link/file", data=b"inside"),
        member("link/dir", "dir", mtime=3),
        member("upwards", "symlink", linkname="../../../.."),
        member("upwards/top"),
    )
    assert (tmp_path / inside / "file").read_bytes() == b"inside"
    assert (tmp_path / inside / "dir").stat().st_mtime == 3
    assert (tmp_path / "layer/top").exists()


@pytest.mark.parametrize("target", ["../outside/file", "/etc/passwd", "link/file", "soft", "missing", "."])
def test_no_hard_link_leads_out(tmp_path: Path, outside: Path, target: str) -> None:
    root = tmp_path / "layer"
    links = [
        member("link", "symlink", linkname="../outside"),
        member("soft", "symlink", linkname=str(outside / "file")),
        member("hard", "link", linkname=target),
        member("hard", data=b"x", mode=0o777),
    ]
    try:
        unpacked(root, *links)
    except ImageError:
        assert not (root / "hard").exists()
    else:
        assert target == "soft" and (root / "hard").read_bytes() == b"x"


def test_a_directory_turned_link_is_not_entered(tmp_path: Path, outside: Path) -> None:
    with pytest.raises(ImageError):
        unpacked(
            tmp_path / "layer",
            member("dir/sub", "dir", mtime=1),
            member("dir", "symlink", linkname=str(outside)),
            member("dir/file", data=b"x"),
        )
    unpacked(
        tmp_path / "other",
        member("a/dir", "dir", mtime=1, mode=0o777),
        member("a", "symlink", linkname=str(outside.parent)),
    )


@pytest.mark.parametrize("name", [".wh.", ".wh..", ".wh...", "a/.wh...", "./.wh.."])
def test_no_whiteout_of_parents(tmp_path: Path, name: str) -> None:
    with pytest.raises(ImageError, match="names no file"):
        unpacked(tmp_path / "layer", member(name))


def test_the_root_stays_a_directory(tmp_path: Path) -> None:
    for kind in KINDS:
        root = tmp_path / kind
        if kind == "dir":
            unpacked(root, member("/", kind), member(".", kind), member("./", kind))
            continue
        with pytest.raises(ImageError, match="as its root"):
            unpacked(root, member("./", kind, linkname="x"))


def test_devices_and_set_id_files_are_as_the_image_has_them(tmp_path: Path) -> None:
    unpacked(tmp_path, member("mem", "char", devmajor=1, devminor=1), member("su", mode=0o6755, uid=0))
    assert (tmp_path / "su").stat().st_mode & 0o7777 == 0o6755
    damaged = bytearray(layer(member("x", "char", devmajor=1), form=tarfile.GNU_FORMAT))
    damaged[329:337] = b"\xff" * 8
    damaged[148:156] = b" " * 8
    damaged[148:156] = b"%06o\0 " % sum(damaged[:512])
    with pytest.raises(ImageError, match="device"):
        unpack_bytes(tmp_path / "device", bytes(damaged))


def test_a_nul_in_a_name(tmp_path: Path) -> None:
    for field in ("path", "linkpath"):
        info, data = member("x", "symlink", linkname="y")
        info.pax_headers = {field: "a\0b"}
        with pytest.raises(ImageError, match="NUL"):
            unpacked(tmp_path / field, (info, data))


@pytest.mark.parametrize("name", ["n" * 256, "d/" * 3000 + "x", "d/" * 5000])
def test_names_too_long_for_the_kernel(tmp_path: Path, name: str) -> None:
    with pytest.raises(ImageError, match="too long"):
        unpacked(tmp_path / "layer", member(name))


def test_a_file_is_no_directory(tmp_path: Path) -> None:
    with pytest.raises(ImageError, match="no directory"):
        unpacked(tmp_path / "layer", member("a"), member("a/b"))


@pytest.mark.parametrize(
    "pack",
    [lambda data: gzip.compress(data, 9), zstandard.compress, bz2.compress, lzma.compress],
    ids=["gzip", "zstd", "bzip2", "xz"],
)
def test_a_bomb_is_refused(tmp_path: Path, pack: object) -> None:
    data = pack(layer(member("zeros", data=bytes(40 << 20))))  # type: ignore[operator]
    with pytest.raises(ImageError, match="more than 300 times its size"):
        unpack_bytes(tmp_path, data, limits=Limits(free_ratio_size=1 << 20))
    unpack_bytes(tmp_path / "fits", data)


def test_entries_are_limited(tmp_path: Path) -> None:
    with pytest.raises(ImageError, match="more than 10 entries"):
        unpacked(tmp_path, *(member(str(number)) for number in range(11)), limits=Limits(entries=10))


def test_a_file_larger_than_the_disk(tmp_path: Path) -> None:
    header = layer(member("huge"))[:512]
    damaged = bytearray(header)
    damaged[124:136] = b"\x80" + (1 << 60).to_bytes(11, "big")
    damaged[148:156] = b" " * 8
    damaged[148:156] = b"%06o\0 " % sum(damaged)
    with pytest.raises(ImageError, match="No space left"):
        unpack_bytes(tmp_path, bytes(damaged))


def test_a_checksum_that_fits_only_modulo_something(tmp_path: Path) -> None:
    block = bytearray(layer(member("x"), form=tarfile.GNU_FORMAT)[:512])
    for start, end in ((0, 100), (157, 257), (265, 329)):
        block[start:end] = b"\xff" * (end - start)
    block[148:156] = b" " * 8
    for wrong in (65521, -65521, 1):
        block[148:156] = b" " * 8
        block[148:156] = b"%06o\0 " % (sum(block) - wrong)
        with pytest.raises(ImageError, match="not a tar archive"):
            unpack_bytes(tmp_path, bytes(block))


def test_each_cut_is_noticed(tmp_path: Path) -> None:
    threads = threading.active_count()
    plain = layer(member("a", data=os.urandom(5000)), member("b" * 150, data=b"b"))
    end = len(plain.rstrip(b"\0"))
    for packed in (plain[: end + 100], zipped(plain), bz2.compress(plain), lzma.compress(plain)):
        for size in range(1, len(packed) - 1, 97):
            with pytest.raises(ImageError) as caught:
                unpack_bytes(tmp_path / f"{len(packed)}-{size}", packed[:size])
            assert "\n" not in str(caught.value)
    assert threading.active_count() == threads


@pytest.mark.parametrize(
    "data",
    [
        *(b"\x1f\x8b", b"\x1f\x8b\x08\0garbage" * 9, b"\x28\xb5\x2f\xfdgarbage", b"text" * 300),
        *(b"BZh", b"BZh9garbage" * 9, b"\xfd7zXZ\0", b"\xfd7zXZ\0garbage" * 9),
    ],
)
def test_what_is_no_layer(tmp_path: Path, data: bytes) -> None:
    with pytest.raises(ImageError):
        unpack_bytes(tmp_path, data)


def test_what_follows_gzip_is_gzip(tmp_path: Path) -> None:
    with pytest.raises(ImageError, match="not gzip throughout"):
        unpack_bytes(tmp_path, zipped(layer(member("a"))) + b"garbage")


def test_a_failing_disk_below_the_layer(tmp_path: Path) -> None:
    threads = threading.active_count()

    class Failing(io.RawIOBase):
        def readinto(self, buffer: object) -> int:
            raise OSError(5, "Input/output error")

    with pytest.raises(ImageError, match="Input/output error|can't read"):
        unpack(Failing(), tmp_path)  # type: ignore[arg-type]
    assert threading.active_count() == threads


SPECIMEN = layer(
    member("dir", "dir"),
    member("dir/file", data=b"x" * 700),
    member("long" * 40, data=b"y"),
    member("dir/link", "link", linkname="dir/file"),
    member("soft", "symlink", linkname="dir"),
    member("soft/.wh.x"),
)


@settings(max_examples=150, deadline=None)
@given(st.lists(st.tuples(st.integers(0, len(SPECIMEN) - 1), st.integers(0, 255)), max_size=6), st.booleans())
def test_a_damaged_layer_is_one_line(
    tmp_path_factory: pytest.TempPathFactory, changes: list[tuple[int, int]], mended: bool
) -> None:
    data = bytearray(SPECIMEN)
    for place, value in changes:
        data[place] = value
        start = place - place % 512
        if mended and data[start + 257 : start + 262] == b"ustar":
            data[start + 148 : start + 156] = b" " * 8
            data[start + 148 : start + 156] = b"%06o\0 " % sum(data[start : start + 512])
    try:
        unpack_bytes(tmp_path_factory.mktemp("fuzz"), bytes(data))
    except ImageError as error:
        assert "\n" not in str(error)


component = st.sampled_from(["a", "b", "..", ".", "", ".wh.a", ".wh..wh..opq", "c"])
names = st.lists(component, min_size=1, max_size=4).map("/".join)
random_members = st.tuples(
    names, st.sampled_from([*KINDS]), st.one_of(names, st.just("/"), st.just("../../.."))
)


@settings(max_examples=200, deadline=None)
@given(st.lists(random_members, max_size=12))
def test_nothing_gets_out(
    tmp_path_factory: pytest.TempPathFactory, members: list[tuple[str, str, str]]
) -> None:
    base = tmp_path_factory.mktemp("escape")
    for name in "abc":
        (base / name).write_bytes(SECRET)
    with suppress(ImageError):
        unpacked(base / "layer", *(member(name, kind, linkname=link) for name, kind, link in members))
    assert sorted(os.listdir(base)) == ["a", "b", "c", "layer"]
    assert all((base / name).read_bytes() == SECRET and (base / name).stat().st_nlink == 1 for name in "abc")


@settings(max_examples=60, deadline=None)
@given(st.binary(max_size=3000), st.integers(0, 2**32))
def test_any_bytes_as_packed_data(tmp_path_factory: pytest.TempPathFactory, data: bytes, seed: int) -> None:
    noise = random.Random(seed).randbytes(200)
    heads = (b"", b"\x1f\x8b\x08\0", b"\x28\xb5\x2f\xfd", b"BZh9", b"\xfd7zXZ\0")
    for packed in (*(head + data for head in heads), zlib.compress(noise)):
        try:
            unpack_bytes(tmp_path_factory.mktemp("bytes"), packed)
        except ImageError as error:
            assert "\n" not in str(error)
