import bz2
import gzip
import io
import json
import lzma
import os
from collections.abc import Callable
from pathlib import Path
from typing import Any, Literal

import pytest
from image_making import add_image, docker_archive
from layer_archive import diff_id, layer, member, zipped

from runtime.image.archive import reading, writing
from runtime.image.making import import_archive
from runtime.image.saving import load, save
from runtime.image.store import ImageStore
from runtime.image.unpack import unpack
from tare.errors import ImageError
from tare.state import State


@pytest.fixture
def store(tmp_path: Path) -> ImageStore:
    return ImageStore(State.at(tmp_path / "state"))


@pytest.fixture
def other(tmp_path: Path) -> ImageStore:
    return ImageStore(State.at(tmp_path / "other"))


@pytest.mark.parametrize("form", ["docker", "oci"])
@pytest.mark.parametrize("directory", [True, False])
def test_what_is_saved_is_loaded(
    store: ImageStore, other: ImageStore, tmp_path: Path, form: Literal["docker", "oci"], directory: bool
) -> None:
    first = add_image(store, tmp_path, "app:1", "host.example:5000/app:1", text="first")
    second = add_image(store, tmp_path, "other", "unasked", text="second")
    unnamed = add_image(store, tmp_path, text="unnamed")
    target = tmp_path / "saved"
    save(
        store,
        ["app:1", "host.example:5000/app:1", "other", unnamed.id],
        target,
        form=form,
        directory=directory,
    )
    assert target.is_dir() == directory
    loaded = load(other, target)
    assert [(image.id, image.root) for image in loaded] == [
        (image.id, image.root) for image in (first, second, unnamed)
    ]
    assert [image.names for image in other.list()] == [first.names, ("other:latest",), ()]
    assert other.check() == ()
    assert not [path for path in tmp_path.iterdir() if path.name.startswith(".")]
    assert not list(other.content.partial())


def test_the_same_images_make_the_same_archive(store: ImageStore, tmp_path: Path) -> None:
    add_image(store, tmp_path, "app")
    files = [io.BytesIO(), io.BytesIO()]
    for file in files:
        save(store, ["app"], file)
    assert files[0].getvalue() == files[1].getvalue()


def test_an_archive_may_come_packed_through_a_pipe(
    store: ImageStore, other: ImageStore, tmp_path: Path
) -> None:
    image = add_image(store, tmp_path, "app")
    save(store, ["app"], tmp_path / "saved")
    receiver, sender = os.pipe()
    with os.fdopen(receiver, "rb") as file, os.fdopen(sender, "wb") as pipe:
        pipe.write(gzip.compress((tmp_path / "saved").read_bytes()))
        pipe.close()
        assert load(other, file)[0].id == image.id
    assert not list(other.content.partial())


def test_an_old_docker_archive(store: ImageStore, tmp_path: Path) -> None:
    data = layer(member("x"))
    same = {"architecture": "amd64", "rootfs": {"diff_ids": [diff_id(data)] * 3}}
    docker_archive(
        tmp_path / "saved", {"a/layer.tar": data}, same, {"b/layer.tar": "../a/layer.tar", "c": "b/layer.tar"}
    )
    (image,) = load(store, tmp_path / "saved")
    assert image.names == ("old:1",) and len(image.layers) == 3
    assert image.id == diff_id(json.dumps(same).encode())
    assert store.check() == ()
    docker_archive(
        tmp_path / "packed", {"l": zipped(data)}, {**same, "rootfs": {"diff_ids": [diff_id(data)]}}
    )
    (image,) = load(store, tmp_path / "packed")
    assert image.manifest.layers[0].media_type.endswith("+gzip")
    for pack in (bz2.compress, lzma.compress):
        # No media type says so, so they are kept as they were before.
        docker_archive(
            tmp_path / "packed", {"l": pack(data)}, {**same, "rootfs": {"diff_ids": [diff_id(data)]}}
        )
        (image,) = load(store, tmp_path / "packed")
        assert image.manifest.layers[0].digest == diff_id(data)
    assert store.check() == ()


DATA = layer(member("x"))


@pytest.mark.parametrize(
    "damage",
    [
        lambda path: docker_archive(path, {"l": DATA}, {"rootfs": {"diff_ids": [diff_id(b"other")]}}),
        lambda path: docker_archive(path, {"l": zipped(DATA)}, {"rootfs": {"diff_ids": [diff_id(b"other")]}}),
        lambda path: docker_archive(path, {"l": DATA}, {"rootfs": {"diff_ids": []}}),
        lambda path: docker_archive(
            path, {"l": DATA}, {"rootfs": {"diff_ids": [diff_id(DATA)] * 2}}, {"m": "m"}
        ),
        lambda path: docker_archive(
            path, {"l": DATA}, {"rootfs": {"diff_ids": [diff_id(DATA)] * 2}}, {"m": "/etc/passwd"}
        ),
        lambda path: docker_archive(
            path, {"l": DATA}, {"rootfs": {"diff_ids": [diff_id(DATA)] * 2}}, {"m": "conf.json"}
        ),
        lambda path: path.write_bytes(layer(member("manifest.json", data=b"{}"))),
        lambda path: path.write_bytes(layer(member("manifest.json", data=b"[[]]"))),
        lambda path: path.write_bytes(
            layer(member("manifest.json", data=b'[{"Config": "../../etc/passwd"}]'))
        ),
        lambda path: path.write_bytes(layer(member("manifest.json", data=b" " * (5 << 20)))),
        lambda path: path.write_bytes(layer(member("manifest.json", data=b"[]" * 999))[:1500]),
        lambda path: path.write_bytes(layer(member("manifest.json", "fifo"))),
        lambda path: path.write_bytes(layer(member("else"))),
        lambda path: path.write_bytes(b"no archive at all" * 99),
        lambda path: path.write_bytes(b""),
        lambda path: path.mkdir(),
        lambda path: path.symlink_to("missing"),
    ],
)
def test_a_broken_archive_is_one_line(
    store: ImageStore, tmp_path: Path, damage: Callable[[Path], Any]
) -> None:
    damage(tmp_path / "saved")
    with pytest.raises(ImageError) as caught:
        load(store, tmp_path / "saved")
    assert "\n" not in str(caught.value)
    assert store.list() == () and store.check() == ()
    store.collect()
    assert not list(store.content.digests())


def layout(store: ImageStore, tmp_path: Path) -> Path:
    add_image(store, tmp_path, "app")
    save(store, ["app"], tmp_path / "saved", form="oci", directory=True)
    return tmp_path / "saved"


def test_each_file_of_a_layout_is_needed(store: ImageStore, other: ImageStore, tmp_path: Path) -> None:
    path = layout(store, tmp_path)
    for file in [file for file in path.rglob("*") if file.is_file()]:
        data = file.read_bytes()
        for change in (b"", data[:-1], data + b" x", bytes([data[0] ^ 1]) + data[1:]):
            file.write_bytes(change)
            with pytest.raises(ImageError):
                load(other, path)
            other.collect()
        file.unlink()
        with pytest.raises(ImageError):
            load(other, path)
        file.symlink_to(tmp_path / "outside")
        (tmp_path / "outside").write_bytes(data)
        with pytest.raises(ImageError):
            load(other, path)
        file.unlink()
        file.write_bytes(data)
        assert other.list() == ()
        other.collect()
    load(other, path)
    assert other.check() == ()


@pytest.mark.parametrize(
    "index", [{"manifests": [{}]}, {"manifests": [1]}, {"manifests": None}, {}, [], "deep"]
)
def test_a_broken_index_is_one_line(store: ImageStore, other: ImageStore, tmp_path: Path, index: Any) -> None:
    path = layout(store, tmp_path)
    text = json.dumps({"schemaVersion": 2, **index}) if isinstance(index, dict) else "[" * 9999
    (path / "index.json").write_text(text)
    try:
        assert load(other, path) == ()
    except ImageError as error:
        assert "\n" not in str(error)


def test_a_tag_needs_a_name(store: ImageStore, other: ImageStore, tmp_path: Path) -> None:
    path = layout(store, tmp_path)
    index = json.loads((path / "index.json").read_text())
    index["manifests"][0]["annotations"] = {"org.opencontainers.image.ref.name": "1.0"}
    (path / "index.json").write_text(json.dumps(index))
    assert load(other, path)[0].names == ()
    assert load(other, path, "mine")[0].names == ("mine:1.0",)
    assert load(other, path, "mine:2")[0].names == ("mine:2",)


def test_a_failed_save_leaves_nothing(store: ImageStore, tmp_path: Path) -> None:
    image = add_image(store, tmp_path, "app")
    (tmp_path / "target").mkdir()
    before = sorted(os.listdir(tmp_path))
    with pytest.raises(ImageError, match="exists"):
        save(store, ["app"], tmp_path / "target", directory=True)
    store.content.remove(image.manifest.layers[0].digest)
    for directory in (True, False):
        with pytest.raises(ImageError, match="is missing"):
            save(store, ["app"], tmp_path / "new", directory=directory)
    with pytest.raises(ImageError):
        save(store, ["app"], tmp_path / "no/where")
    assert sorted(os.listdir(tmp_path)) == before


@pytest.mark.parametrize("pack", [bytes, gzip.compress])
def test_a_plain_archive_is_imported(
    store: ImageStore, tmp_path: Path, pack: Callable[[bytes], bytes]
) -> None:
    data = layer(member("etc", "dir"), member("etc/file", data=b"imported" * 1000))
    with store.content.adding():
        image = store.add(import_archive(store.content, io.BytesIO(pack(data))), ["imported"])
    assert image.config.diff_ids == (diff_id(data),)
    (tmp_path / "root").mkdir()
    with store.content.open(image.manifest.layers[0].digest) as file:
        unpack(file, tmp_path / "root", diff_id=image.layers[0])
    assert (tmp_path / "root/etc/file").read_bytes() == b"imported" * 1000
    with pytest.raises(ImageError):
        import_archive(store.content, io.BytesIO(pack(data[:700])))
    assert not list(store.content.partial())


def test_files_are_read_inside_only(tmp_path: Path) -> None:
    (tmp_path / "secret").write_text("x")
    (tmp_path / "dir").mkdir()
    (tmp_path / "dir/link").symlink_to("../secret")
    with reading(tmp_path / "dir", tmp_path) as reader:
        for name in ("../secret", "link", "/secret", ".", "", "a\0b"):
            assert not reader.has(name)
    with writing(tmp_path / "archive") as writer:
        writer.add("a/b", 1, io.BytesIO(b"x"))
    with reading(tmp_path / "archive", tmp_path) as reader:
        assert reader.has("a/b") and reader.has("./a/../a/b") and not reader.has("a") and not reader.has("b")
