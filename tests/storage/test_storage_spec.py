"""A container over several layers, with an upper directory that outlives it, or in a directory of its own."""

import errno
import os
import shutil
import stat
from dataclasses import replace
from pathlib import Path

import pytest

from runtime import ContainerSpec, Engine, IdMapping, Namespace
from runtime.spec import DEFAULT_NAMESPACES
from runtime.storage import overlayfs
from tare.errors import UsageError


def layer(parent: Path, name: str, **files: str) -> Path:
    path = parent / name
    path.mkdir(parents=True)
    for file, text in files.items():
        (path / file).write_text(text)
    return path


def writable(parent: Path) -> Path:
    for name in ("upper", "work"):
        (parent / name).mkdir(parents=True)
    return parent


def test_the_top_layer_wins(run, image, tmp_path) -> None:
    top, low = layer(tmp_path, "top", a="top\n"), layer(tmp_path, "low", a="low\n", b="low\n")
    ended = run("/bin/cat", "/a", "/b", "/etc/hosts", layers=(top, low))
    assert ended.output == "top\nlow\n127.0.0.1 localhost\n"


def test_a_layers_whiteout_hides_what_is_below(run, image, tmp_path) -> None:
    top, low = layer(tmp_path, "top"), layer(tmp_path, "low", a="low\n")
    os.mknod(top / "a", stat.S_IFCHR, os.makedev(0, 0))
    assert run("/bin/ls", "/a", layers=(top, low)).status == 1


@pytest.mark.parametrize("in_memory", [False, True])
def test_120_layers(run, image, tmp_path, in_memory) -> None:
    layers = tuple(layer(tmp_path / "layers", str(number), **{f"file{number}": ""}) for number in range(119))
    ended = run("/bin/sh", "-c", "ls /file* | wc -l", layers=layers, on_disk=not in_memory)
    assert ended.output == "119\n"


def test_120_layers_of_an_older_kernel(image, tmp_path) -> None:
    layers = [layer(tmp_path / "layers", str(number), **{f"file{number}": ""}) for number in range(120)]
    place = writable(tmp_path / "container")
    lowers = [os.open(path, os.O_PATH) for path in layers]
    here = Path.cwd()
    for is_writable in (True, False):
        mounted = overlayfs.mount_by_page(lowers, "taretest", str(place), writable=is_writable)
        assert (
            len([name for name in os.listdir(f"/proc/self/fd/{mounted}") if name.startswith("file")]) == 120
        )
        assert os.statvfs(mounted).f_flag & os.ST_RDONLY == (0 if is_writable else os.ST_RDONLY)
        os.close(mounted)
    for lower in lowers:
        os.close(lower)
    assert Path.cwd() == here
    assert str(tmp_path) not in Path("/proc/self/mountinfo").read_text()


def test_the_older_way_is_taken_when_the_newer_is_refused(image, tmp_path, monkeypatch) -> None:
    layers = [layer(tmp_path / "layers", str(number)) for number in range(20)]
    lowers = [os.open(path, os.O_PATH) for path in layers]
    given = overlayfs.syscalls.fsconfig_string

    def as_before(context: int, key: str, value: str) -> None:
        if key == "lowerdir+":
            raise OSError(errno.EINVAL, "no such option")
        given(context, key, value)

    monkeypatch.setattr(overlayfs.syscalls, "fsconfig_string", as_before)
    os.close(overlayfs.mount(lowers, "taretest", str(writable(tmp_path / "container"))))
    for lower in lowers:
        os.close(lower)


def test_what_is_written_outlives_the_container(run, image, tmp_path) -> None:
    place = writable(tmp_path / "container")
    assert run("/bin/sh", "-c", "echo kept > /kept; rm /etc/hosts", writable=place).status == 0
    assert run("/bin/sh", "-c", "cat /kept; ls /etc/hosts", writable=place).output.startswith("kept\n")
    assert run("/bin/ls", "/etc/hosts", writable=place).status == 1
    assert (place / "upper/kept").read_text() == "kept\n"
    assert (image / "etc/hosts").exists()


def test_it_outlives_one_in_a_user_namespace(run, image, tmp_path) -> None:
    place = writable(tmp_path / "container")
    tmp_path.chmod(0o755)
    for path in (place, place / "upper", place / "work"):
        os.chown(path, 100000, 100000)
    fields = {
        "writable": place,
        "namespaces": DEFAULT_NAMESPACES | {Namespace.USER},
        "mappings": (IdMapping(0, 100000, 65536),),
    }
    assert run("/bin/sh", "-c", "echo kept > /kept", **fields).status == 0
    assert run("/bin/cat", "/kept", **fields).output == "kept\n"
    assert (place / "upper/kept").stat().st_uid == 100000


def test_a_directory_of_its_own_is_written_in_place(run, image, tmp_path) -> None:
    copy = tmp_path / "copy"
    shutil.copytree(image, copy, symlinks=True)
    assert run("/bin/sh", "-c", "echo kept > /kept; umount -a; mount", rootfs=copy, in_place=True).status == 0
    assert (copy / "kept").read_text() == "kept\n"
    assert str(copy) not in Path("/proc/self/mountinfo").read_text()


def test_a_root_in_place_can_be_read_only(run, image, tmp_path) -> None:
    copy = tmp_path / "copy"
    shutil.copytree(image, copy, symlinks=True)
    assert run("/bin/touch", "/kept", rootfs=copy, in_place=True, read_only=True).status == 1


def test_a_missing_layer_is_named(engine: Engine, image, tmp_path) -> None:
    container = engine.start(ContainerSpec(image, ("/bin/true",), layers=(tmp_path / "missing",)))
    with pytest.raises(Exception, match="missing"):
        container.wait(30)
    container.remove()


@pytest.mark.parametrize(
    "fields",
    [
        {"in_place": True, "layers": (Path("/a"),)},
        {"in_place": True, "writable": Path("/a")},
        {"in_place": True, "on_disk": False},
        {"writable": Path("/a"), "on_disk": False},
    ],
)
def test_contradictions_are_refused(image, fields) -> None:
    with pytest.raises(UsageError, match="leave one of both out"):
        replace(ContainerSpec(image, ("/bin/true",)), **fields)
