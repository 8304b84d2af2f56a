"""Images made from the host's busybox and by mmdebstrap."""

import gzip
import io
import os
import tarfile
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from runtime.image.bootstrap_busybox import bootstrap_busybox
from runtime.image.bootstrap_debian import bootstrap_debian
from runtime.image.store import ImageStore, StoredImage
from tare.errors import ImageError, UsageError
from tare.state import State


def members(store: ImageStore, image: StoredImage) -> dict[str, tarfile.TarInfo]:
    """What is in the only layer, by name without `./`."""
    data = gzip.decompress(store.content.path(image.manifest.layers[0].digest).read_bytes())
    with tarfile.open(fileobj=io.BytesIO(data)) as archive:
        return {member.name.removeprefix("./"): member for member in archive}


def test_busybox_is_the_same_each_time(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("SOURCE_DATE_EPOCH", raising=False)
    stores = [ImageStore(State.at(tmp_path / name)) for name in ("one", "two")]
    first, second = (bootstrap_busybox(store) for store in stores)
    assert first.root == second.root
    assert first.config.cmd == ("sh",)
    assert first.config.env == ("PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin",)
    assert first.created == "1970-01-01T00:00:00Z"
    found = members(stores[0], first)
    assert found["bin/sh"].linkname == "/bin/busybox"
    assert {member.mtime for member in found.values()} == {0}
    assert {(member.uid, member.gid) for member in found.values()} == {(0, 0)}
    assert bootstrap_busybox(stores[0], "mine:1").root == first.root
    assert stores[0].get("mine:1").names == ("busybox:latest", "mine:1")
    monkeypatch.setenv("SOURCE_DATE_EPOCH", "86400")
    assert bootstrap_busybox(stores[0]).created == "1970-01-02T00:00:00Z"


def test_debian_is_the_same_each_time(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SOURCE_DATE_EPOCH", "1700000000")
    stores = [ImageStore(State.at(tmp_path / name)) for name in ("one", "two")]
    with ThreadPoolExecutor() as pool:
        first, second = pool.map(lambda store: bootstrap_debian(store, include=["ed,bc", "bc"]), stores)
    assert first.root == second.root
    assert first.names == ("debian:latest",)
    assert first.config.cmd == ("bash",)
    assert first.created == "2023-11-14T22:13:20Z"
    assert first.config.history[0].created_by == "tarebox image bootstrap debian --include bc,ed"
    found = members(stores[0], first)
    assert {"usr/bin/ed", "usr/bin/bc", "usr/bin/bash", "usr/bin/apt-get"} <= set(found)
    assert max(member.mtime for member in found.values()) <= 1700000000
    assert not {"etc/resolv.conf", "etc/hostname"} & set(found)
    assert not ("etc/machine-id" in found and found["etc/machine-id"].size)
    left = [name for name in found if name.startswith(("var/log/", "var/lib/apt/lists/", "var/cache/apt/"))]
    assert not [name for name in left if found[name].isreg() and not name.endswith("lock")]


@pytest.mark.parametrize("lines", ["", "head -c 3000 {archive}", "cat {archive}"])
def test_mmdebstrap_that_fails(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, lines: str) -> None:
    """Its own fault is told, wherever its archive ends."""
    archive = tmp_path / "archive"
    with tarfile.open(archive, "w") as tar:
        tar.add(__file__, "file")
    lines = lines.format(archive=archive)
    stand_in(tmp_path, monkeypatch, f"{lines}\necho 'E: no \33[31mluck' >&2\necho more >&2\nexit 7")
    store = ImageStore(State.at(tmp_path / "state"))
    with pytest.raises(ImageError, match=r"mmdebstrap failed: no  ?\[31mluck; check the suite"):
        bootstrap_debian(store)
    assert not store.list()


def test_mmdebstrap_that_is_not_read_to_the_end(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    stand_in(
        tmp_path, monkeypatch, "trap 'touch $0.cleaned; exit 1' TERM\ncat /dev/urandom\ntouch $0.cleaned"
    )
    store = ImageStore(State.at(tmp_path / "state"))
    with pytest.raises(ImageError, match="not a tar archive"):
        bootstrap_debian(store)
    assert (tmp_path / "mmdebstrap.cleaned").exists()


def test_where_packages_come_from(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The host's own release from the host's sources, another one from where mmdebstrap looks for it."""
    stand_in(tmp_path, monkeypatch, 'echo "$@" >>$0.asked\nexit 1')
    store = ImageStore(State.at(tmp_path / "state"))
    for suite in ("", "unstable"):
        with pytest.raises(ImageError, match="mmdebstrap failed: exit status 1"):
            bootstrap_debian(store, suite=suite)
    own, other = (tmp_path / "mmdebstrap.asked").read_text().splitlines()
    assert " - /etc/apt/" in own
    assert other.endswith(" unstable -")


def stand_in(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, script: str) -> None:
    program = tmp_path / "mmdebstrap"
    program.write_text(f"#!/bin/sh\n{script}\n")
    program.chmod(0o755)
    monkeypatch.setenv("PATH", f"{tmp_path}:{os.environ['PATH']}")


@pytest.mark.parametrize("package", ["--help", "a b", "a;b", "A", "../a", "/etc/passwd.deb", "?essential"])
def test_packages_that_are_none(tmp_path: Path, package: str) -> None:
    with pytest.raises(UsageError, match="is not a package's name"):
        bootstrap_debian(ImageStore(State.at(tmp_path)), include=[package])


@pytest.mark.parametrize("suite", ["--help", "a b", "-"])
def test_suites_that_are_none(tmp_path: Path, suite: str) -> None:
    with pytest.raises(UsageError, match="is not a release's name"):
        bootstrap_debian(ImageStore(State.at(tmp_path)), suite=suite)


@pytest.mark.parametrize("text", ["tomorrow", "-1", "1.5", "٣", "9" * 12])
def test_epochs_that_are_none(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, text: str) -> None:
    monkeypatch.setenv("SOURCE_DATE_EPOCH", text)
    with pytest.raises(UsageError, match="set it to a number of seconds since 1970"):
        bootstrap_busybox(ImageStore(State.at(tmp_path)))


def test_a_host_without_mmdebstrap(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(ImageError, match="no mmdebstrap on this host; install the package mmdebstrap"):
        bootstrap_debian(ImageStore(State.at(tmp_path)))
