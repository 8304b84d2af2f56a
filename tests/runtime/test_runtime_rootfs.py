"""Images as plain directories."""

import os
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from runtime import bootstrap_busybox, flatten
from runtime.busybox import find_busybox
from runtime.image.config import ImageConfig
from runtime.image.making import make_image
from runtime.image.pack import pack
from runtime.image.platform import Platform
from runtime.image.store import ImageStore, StoredImage
from tare.errors import ImageError
from tare.state import State


def _image(state: State, *layers: Path) -> StoredImage:
    store = ImageStore(state)
    with store.content.adding():
        packed = [pack(layer, store.content) for layer in layers]
        return store.add(make_image(store.content, packed, ImageConfig(Platform.host().architecture)))


@pytest.fixture
def three(tmp_path) -> list[Path]:
    """Layers, of which the second changes and the third deletes what is below, by a whiteout."""
    one, two, three = (tmp_path / name for name in ("one", "two", "three"))
    for place in (one / "kept", one / "lost", two / "kept", three):
        place.mkdir(parents=True)
    (one / "kept/file").write_text("old")
    os.link(one / "kept/file", one / "kept/link")
    (one / "lost/file").write_text("lost")
    (two / "kept/file").write_text("new")
    os.setxattr(two / "kept/file", "user.note", b"here")
    (two / "kept").chmod(0o2750)
    os.mknod(three / "lost", 0o020000)
    three.chmod(0o751)
    return [one, two, three]


def test_busybox_is_one_directory(tmp_path):
    state = State.at(tmp_path)
    root = bootstrap_busybox(state)
    assert bootstrap_busybox(state) == root
    assert root.is_relative_to(state.data / "layers")
    assert (root / "bin/sh").readlink() == Path("/bin/busybox")
    assert (root / "bin/busybox").read_bytes() == find_busybox().read_bytes()
    assert (root / "tmp").stat().st_mode & 0o7777 == 0o1777
    assert ImageStore(state).get("busybox").names == ("busybox:latest",)


@pytest.mark.parametrize("driver", ["overlay", "vfs"])
def test_several_layers_are_joined(tmp_path, three, driver, monkeypatch):
    monkeypatch.setenv("TAREBOX_STORAGE_DRIVER", driver)
    state = State.at(tmp_path)
    image = _image(state, *three)
    with ThreadPoolExecutor(4) as pool:
        (root,) = set(pool.map(lambda _: flatten(state, image), range(4)))
    assert root == flatten(state, image)
    assert sorted(path.name for path in root.iterdir()) == ["kept"]
    assert (root / "kept/file").read_text() == "new"
    assert (root / "kept/link").read_text() == "old"
    assert os.getxattr(root / "kept/file", "user.note") == b"here"
    assert (root / "kept").stat().st_mode & 0o7777 == 0o2750
    assert root.stat().st_mode & 0o7777 == 0o751
    assert not list(root.parent.glob(".new-*"))


def test_what_a_killed_process_began_is_made_anew(tmp_path, three):
    state = State.at(tmp_path)
    image = _image(state, *three)
    root = flatten(state, image)
    half = root.with_name(f".new-{root.name}")
    root.rename(half)
    (half / "kept/file").unlink()
    assert (flatten(state, image) / "kept/file").read_text() == "new"
    assert not half.exists()


def test_an_image_without_layers(tmp_path):
    state = State.at(tmp_path)
    with pytest.raises(ImageError, match="has no files"):
        flatten(state, _image(state))
