import multiprocessing
import os
import stat
from pathlib import Path

import pytest
from image_making import add_image, docker_archive
from layer_archive import layer, member

from runtime.image.config import History
from runtime.image.layers import unpack_layers
from runtime.image.making import extend_image
from runtime.image.pack import pack
from runtime.image.saving import load
from runtime.image.store import ImageStore, StoredImage
from runtime.storage.registry import driver
from tare.errors import ImageError
from tare.state import State


@pytest.fixture
def state(tmp_path: Path) -> State:
    return State.at(tmp_path / "state")


def deleting_image(store: ImageStore, tmp_path: Path) -> StoredImage:
    base = add_image(store, tmp_path, "base")
    upper = tmp_path / "upper"
    upper.mkdir()
    os.mknod(upper / "file0", stat.S_IFCHR, 0)
    (upper / "added").write_text("added")
    with store.content.adding():
        layer = pack(upper, store.content)
        return store.add(extend_image(store.content, base.manifest, base.config, layer, History()), ["app"])


@pytest.mark.parametrize("name", ["vfs", "overlay"])
def test_layers_are_unpacked_once_and_shared(state: State, tmp_path: Path, name: str) -> None:
    store, storage = ImageStore(state), driver(state, name)
    image = deleting_image(store, tmp_path)
    top = unpack_layers(store.content, image, storage)
    assert top == image.layers[-1]
    assert set(storage.layers()) == set(image.layers)
    base = store.get("base")
    for packed in (*base.manifest.layers, image.manifest.layers[-1]):
        store.content.remove(packed.digest)
    assert unpack_layers(store.content, base, storage) == image.layers[1]
    storage.create("box", top)
    with storage.opened("box") as root:
        assert sorted(os.listdir(f"/proc/self/fd/{root}")) == ["added", "file1"]
    storage.remove("box")


def test_a_broken_layer_does_not_appear(state: State, tmp_path: Path) -> None:
    store, storage = ImageStore(state), driver(state, "vfs")
    image = add_image(store, tmp_path, "app")
    first, second = image.manifest.layers
    store.content.path(second.digest).write_bytes(store.content.path(first.digest).read_bytes())
    with pytest.raises(ImageError, match="unpacks to"):
        unpack_layers(store.content, image, storage)
    assert storage.layers() == image.layers[:1]


def test_an_image_may_have_no_layers(state: State, tmp_path: Path) -> None:
    store = ImageStore(state)
    assert unpack_layers(store.content, add_image(store, tmp_path, layers=0), driver(state, "vfs")) is None


def _unpack(state: State) -> None:
    store = ImageStore(state)
    unpack_layers(store.content, store.get("app"), driver(state, "overlay"))


def test_two_processes_unpack_one_image(state: State, tmp_path: Path) -> None:
    image = deleting_image(ImageStore(state), tmp_path)
    start = multiprocessing.get_context("spawn")
    workers = [start.Process(target=_unpack, args=(state,)) for _ in range(3)]
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join()
    assert [worker.exitcode for worker in workers] == [0, 0, 0]
    assert set(driver(state, "overlay").layers()) == set(image.layers)


@pytest.mark.parametrize("name", ["vfs", "overlay"])
def test_a_directory_that_a_layer_leaves_out_stays_as_it_is(state: State, tmp_path: Path, name: str) -> None:
    """As some builders leave out the parents of what they add."""
    store, storage = ImageStore(state), driver(state, name)
    below = layer(member("home", "dir", mode=0o700, uid=1000), member("home/a"))
    docker_archive(tmp_path / "saved", {"below": below, "above": layer(member("home/b"))})
    (image,) = load(store, tmp_path / "saved")
    top = unpack_layers(store.content, image, storage)
    storage.create("box", top)
    with storage.opened("box") as root:
        found = os.stat("home", dir_fd=root)
    assert (stat.S_IMODE(found.st_mode), found.st_uid) == (0o700, 1000)
    storage.remove("box")
