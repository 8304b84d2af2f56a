"""Files into and out of a container, by docker's rules, past whatever links the container made."""

import io
import os
import stat
import tarfile
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from runtime import ContainerSpec, Engine
from runtime.storage import paths, registry
from runtime.storage.copying import CopyError, copy_in, copy_out
from runtime.storage.streams import stream_in, stream_out
from tare.state import State


@pytest.fixture
def outside(tmp_path) -> Path:
    """A directory of the host that nothing may reach from inside."""
    path = tmp_path / "outside"
    path.mkdir()
    (path / "secret").write_text("secret\n")
    return path


@pytest.fixture
def root(tmp_path, outside) -> Iterator[Path]:
    """The root of a stopped container: files, and links that lead out."""
    driver = registry.driver(State.at(tmp_path / "state"))
    driver.create("one", None)
    with driver.opened("one") as descriptor:
        path = Path(f"/proc/self/fd/{descriptor}")
        for name in ("etc", "etc/sub", "home"):
            (path / name).mkdir()
        (path / "etc/file").write_text("file\n")
        (path / "etc/sub/deep").write_text("deep\n")
        (path / "etc/link").symlink_to("file")
        (path / "absolute").symlink_to(outside)
        (path / "up").symlink_to("../../../../../../../.." + str(outside))
        (path / "inside").symlink_to("/etc/sub")
        (path / "loop").symlink_to("loop")
        yield path
    driver.remove("one")


@pytest.fixture
def host(tmp_path) -> Path:
    path = tmp_path / "host"
    (path / "tree/below").mkdir(parents=True)
    (path / "tree/below/leaf").write_text("leaf\n")
    (path / "file").write_text("host\n")
    (path / "link").symlink_to("file")
    return path


def opened(root: Path) -> int:
    return int(root.name)


IN = [
    ("file", "/new", "new"),
    ("file", "/home", "home/file"),
    ("file", "/home/", "home/file"),
    ("file", "home/.", "home/file"),
    ("file", "/etc/file", "etc/file"),
    ("file", "/etc/link", "etc/file"),
    ("file", "/inside", "etc/sub/file"),
    ("file", "/inside/x", "etc/sub/x"),
    ("file", "/etc/../home/x", "home/x"),
    ("file", "/../../home/x", "home/x"),
    ("tree", "/new", "new/below/leaf"),
    ("tree/", "/new", "new/below/leaf"),
    ("tree", "/home", "home/tree/below/leaf"),
    ("tree/.", "/home", "home/below/leaf"),
    ("tree/.", "/new", "new/below/leaf"),
]


@pytest.mark.parametrize(("source", "target", "expected"), IN)
def test_into_a_container(root, host, source, target, expected) -> None:
    os.chown(host / "file", 1234, 1234)
    copy_in(opened(root), f"{host}/{source}", target)
    assert (root / expected).read_text() == ("leaf\n" if "tree" in source else "host\n")
    assert (root / expected).lstat().st_uid == 0
    assert (root / "etc/link").is_symlink()


@pytest.mark.parametrize(
    ("source", "target", "message"),
    [
        ("missing", "/home", "there is no .*/missing"),
        ("file", "/new/", "there is no directory /new/"),
        ("file", "/nowhere/x", "/nowhere/x: No such file"),
        ("tree", "/etc/file", "over the file /etc/file"),
        ("file", "/etc/file/", "Not a directory"),
        ("file/", "/home", "Not a directory"),
        ("file", "/loop", "Too many levels"),
        ("file", "/absolute", "No such file"),
    ],
)
def test_what_has_no_place_is_refused(root, host, outside, source, target, message) -> None:
    with pytest.raises(CopyError, match=message):
        copy_in(opened(root), f"{host}/{source}", target)
    assert os.listdir(outside) == ["secret"]


def test_a_file_does_not_replace_a_directory(root, host) -> None:
    (root / "home/file").mkdir()
    with pytest.raises(CopyError, match="Is a directory"):
        copy_in(opened(root), host / "file", "/home")
    (root / "home/tree").write_text("in the way")
    with pytest.raises(CopyError, match="Not a directory"):
        copy_in(opened(root), host / "tree", "/home")


def test_a_link_in_the_place_of_a_directory_is_not_followed(root, host, outside) -> None:
    (root / "home/below").symlink_to(outside)
    with pytest.raises(CopyError):
        copy_in(opened(root), f"{host}/tree/.", "/home")
    assert os.listdir(outside) == ["secret"]


OUT = [
    ("/etc/file", "new", "new"),
    ("/etc/file", "tree", "tree/file"),
    ("/etc", "new", "new/sub/deep"),
    ("/etc", "tree", "tree/etc/sub/deep"),
    ("/etc/.", "tree", "tree/sub/deep"),
    ("/inside/", "new", "new/deep"),
]


@pytest.mark.parametrize(("source", "target", "expected"), OUT)
def test_out_of_a_container(root, host, source, target, expected) -> None:
    copy_out(opened(root), source, host / target)
    assert (host / expected).read_text() == ("deep\n" if "deep" in expected else "file\n")


def test_links_are_copied_as_links_unless_followed(root, host, outside) -> None:
    copy_out(opened(root), "/etc/link", host / "copied")
    assert (host / "copied").readlink() == Path("file")
    copy_out(opened(root), "/etc/link", host / "followed", follow=True)
    assert (host / "followed").read_text() == "file\n"
    for name in ("absolute", "up"):
        with pytest.raises(CopyError):
            copy_out(opened(root), f"/{name}/secret", host / "stolen")
        with pytest.raises(CopyError, match="there is no|No such file"):
            copy_out(opened(root), f"/{name}", host / "stolen", follow=True)
    assert not (host / "stolen").exists()
    copy_in(opened(root), host / "link", "/home/link", follow=True)
    assert (root / "home/link").read_text() == "host\n"


def test_power_is_not_lent_with_a_new_owner(root, host) -> None:
    program = root / "home/program"
    program.write_text("#!/bin/sh\n")
    os.chown(program, 1234, 1234)
    program.chmod(0o6755)
    copy_out(opened(root), "/home/program", host / "program")
    copy_out(opened(root), "/home/program", host / "archived", archive=True)
    status, archived = (host / "program").stat(), (host / "archived").stat()
    assert (status.st_uid, stat.S_IMODE(status.st_mode)) == (os.geteuid(), 0o755)
    assert (archived.st_uid, stat.S_IMODE(archived.st_mode)) == (1234, 0o6755)
    os.mknod(root / "home/device", stat.S_IFBLK | 0o666, os.makedev(7, 0))
    with pytest.raises(CopyError, match="device is only copied with its owner"):
        copy_out(opened(root), "/home/device", host / "device")


def test_attributes_times_holes_and_hard_links_are_kept(root, host) -> None:
    first = host / "tree/first"
    with first.open("wb") as file:
        file.truncate(64 << 20)
        file.write(b"x")
    os.link(first, host / "tree/second")
    os.setxattr(first, "user.colour", b"red")
    os.utime(host / "tree", ns=(1, 2_000_000_001))
    copy_in(opened(root), host / "tree", "/home")
    copied = root / "home/tree/first"
    assert copied.stat().st_ino == (root / "home/tree/second").stat().st_ino
    assert copied.stat().st_blocks * 512 < 1 << 20
    assert copied.stat().st_size == 64 << 20
    assert os.getxattr(copied, "user.colour") == b"red"
    assert (root / "home/tree").stat().st_mtime_ns == 2_000_000_001


def test_a_fifo_does_not_hold_the_copier(root, host) -> None:
    os.mkfifo(root / "home/fifo")
    copy_out(opened(root), "/home", host / "new")
    assert stat.S_ISFIFO((host / "new/fifo").stat().st_mode)


def test_a_stream_out_is_what_tar_reads(root, tmp_path) -> None:
    os.link(root / "etc/file", root / "etc/hard")
    sink = io.BytesIO()
    stream_out(opened(root), "/etc", sink)
    sink.seek(0)
    with tarfile.open(fileobj=sink) as archive:
        assert sorted(archive.getnames()) == [
            "etc",
            "etc/file",
            "etc/hard",
            "etc/link",
            "etc/sub",
            "etc/sub/deep",
        ]
        archive.extractall(tmp_path / "read", filter="data")
    assert (tmp_path / "read/etc/hard").read_text() == "file\n"
    single = io.BytesIO()
    stream_out(opened(root), "/etc/file", single)
    single.seek(0)
    stream_in(opened(root), "/home", single)
    assert (root / "home/file").read_text() == "file\n"


def archive(*members: tarfile.TarInfo) -> io.BytesIO:
    written = io.BytesIO()
    with tarfile.open(fileobj=written, mode="w") as file:
        for member in members:
            member.size = 2 if member.isreg() else 0
            file.addfile(member, io.BytesIO(b"x\n"))
    written.seek(0)
    return written


def member(name: str, kind: bytes = tarfile.REGTYPE, target: str = "", mtime: float = 0) -> tarfile.TarInfo:
    info = tarfile.TarInfo(name)
    info.type, info.linkname, info.mtime = kind, target, mtime
    return info


@pytest.mark.parametrize(
    "members",
    [
        [member("../stolen")],
        [member("/stolen")],
        [member("a", tarfile.SYMTYPE, "{outside}"), member("a/stolen")],
        [member("up/stolen")],
        [member("absolute/stolen")],
        [member("hard", tarfile.LNKTYPE, "{outside}/secret")],
        [member("hard", tarfile.LNKTYPE, "../../secret")],
        [member("device", tarfile.BLKTYPE)],
    ],
)
def test_a_hostile_stream_stays_inside(root, outside, members) -> None:
    for info in members:
        info.linkname = info.linkname.format(outside=outside)
    with pytest.raises(CopyError):
        stream_in(opened(root), "/", archive(*members))
    assert os.listdir(outside) == ["secret"]


def test_a_stream_goes_through_links_inside(root) -> None:
    stream_in(opened(root), "/", archive(member("inside/new"), member("made/below")))
    assert (root / "etc/sub/new").read_text() == "x\n"
    assert (root / "made/below").read_text() == "x\n"


def test_what_is_no_archive_is_said(root) -> None:
    with pytest.raises(CopyError, match="no tar archive"):
        stream_in(opened(root), "/", io.BytesIO(b"nonsense" * 200))
    with pytest.raises(CopyError, match="can't copy"):
        stream_in(opened(root), "/", archive(member("odd", mtime=2**70)))
    with pytest.raises(CopyError, match="no directory /missing"):
        stream_in(opened(root), "/missing", io.BytesIO())


def test_a_running_container(engine: Engine, image, host, tmp_path) -> None:
    spec = ContainerSpec(image, ("/bin/sh", "-c", "echo mine > /tmp/mine; echo; exec sleep 60"))
    reading, writing = os.pipe()
    container = engine.start(spec, stdin=reading, stdout=writing, stderr=writing)
    os.close(writing)
    assert os.read(reading, 1) == b"\n"
    with paths.running(container.pid) as root:
        copy_out(root, "/tmp/mine", host / "mine")
        copy_in(root, host / "file", "/dev/shm")
        copy_out(root, "/dev/shm/file", host / "again")
        with pytest.raises(CopyError):
            copy_out(root, "/proc/1/root/etc/hosts", host / "magic")
    assert (host / "mine").read_text() == "mine\n"
    assert (host / "again").read_text() == "host\n"
    container.remove()
    os.close(reading)
    with pytest.raises(CopyError, match="ended"), paths.running(2**22 + 1):
        pass


def test_links_that_change_meanwhile_lead_nowhere(root, host, outside) -> None:
    """What is a directory now and a link out of the container the next moment."""
    done = threading.Event()

    def swap() -> None:
        place, kept = root / "home/place", root / "home/kept"
        place.mkdir()
        while not done.is_set():
            place.rename(kept)
            place.symlink_to(outside)
            place.unlink()
            kept.rename(place)

    thread = threading.Thread(target=swap)
    thread.start()
    try:
        for number in range(150):
            try:
                copy_in(opened(root), host / "file", f"/home/place/stolen{number}")
            except CopyError:
                continue
    finally:
        done.set()
        thread.join()
    assert os.listdir(outside) == ["secret"]
