import multiprocessing
from pathlib import Path

import pytest
from image_making import add_image

from runtime.image.digest import digest_of
from runtime.image.history import history
from runtime.image.model import OCI_INDEX, Descriptor, Index
from runtime.image.platform import Platform
from runtime.image.store import ImageStore
from tare.errors import ImageError, TareError, UsageError
from tare.state import State


@pytest.fixture
def store(tmp_path: Path) -> ImageStore:
    return ImageStore(State.at(tmp_path / "state"))


def test_an_image_is_found_by_name_and_id(store: ImageStore, tmp_path: Path) -> None:
    image = add_image(store, tmp_path, "app", "team/app:1")
    assert image.names == ("app:latest", "team/app:1")
    hexes = image.id.removeprefix("sha256:")
    for name in (
        "app",
        "app:latest",
        "team/app:1",
        image.id,
        hexes,
        hexes[:12],
        f"app@{image.root.digest}",
        image.root.digest,
    ):
        assert store.get(name) == image
    for name in ("other", "app:2", "0000", f"other@{image.root.digest}", "", "APP", "app@sha256:1"):
        with pytest.raises((ImageError, UsageError)):
            store.get(name)
    assert store.list() == (image,)
    diff_ids = image.config.diff_ids
    assert store.layers(image) == (diff_ids[0], digest_of(" ".join(diff_ids).encode()))
    steps = history(image.manifest, image.config)
    assert [(step.created_by, step.size > 0) for step in steps] == [
        ("", True),
        ("none", False),
        ("first", True),
    ]


def test_names_move_and_go(store: ImageStore, tmp_path: Path) -> None:
    first = add_image(store, tmp_path, "app", text="first")
    second = add_image(store, tmp_path, "app", text="second")
    assert store.get("app").id == second.id
    assert store.get(first.id).names == ()
    store.tag(first.id, "host.example:5000/app:1")
    store.tag("host.example:5000/app:1", "app")
    assert store.get("app").id == first.id
    assert store.get(second.id).names == ()
    with pytest.raises(ImageError, match="has the names"):
        store.remove(first.id)
    assert store.remove("app") == ("app:latest",)
    assert store.remove("host.example:5000/app:1") == ("host.example:5000/app:1", first.root.digest)
    assert store.remove(second.id[7:19]) == (second.root.digest,)
    with pytest.raises(ImageError, match="no image"):
        store.remove("app")
    with pytest.raises(ImageError, match="no image"):
        store.untag("app")
    with pytest.raises(UsageError):
        store.tag("x", "x@" + first.id)


def test_garbage_is_what_no_image_refers_to(store: ImageStore, tmp_path: Path) -> None:
    kept = add_image(store, tmp_path, "kept", text="kept")
    add_image(store, tmp_path, "gone", text="gone")
    unnamed = add_image(store, tmp_path, text="unnamed")
    (store.content.scratch / "new-dead").touch()
    store.remove("gone")
    assert store.collect() > 0
    assert len(list(store.content.digests())) == 8 and not list(store.content.partial())
    assert store.collect() == 0
    assert store.collect(unnamed=True) > 0
    assert store.list() == (kept,) and store.check() == ()
    with pytest.raises(ImageError):
        store.get(unnamed.id)


def test_check_finds_what_is_broken(store: ImageStore, tmp_path: Path) -> None:
    image = add_image(store, tmp_path, "app")
    first, second = (layer.digest for layer in image.manifest.layers)
    assert store.check() == ()
    data = bytearray(store.content.path(first).read_bytes())
    data[-1] ^= 1
    store.content.path(first).write_bytes(data)
    store.content.remove(second)
    assert store.check() == (f"app:latest: content {second} is missing", f"content {first} is damaged")
    store.content.remove(image.id)
    assert store.check(deep=False) == (f"app:latest: content {image.id} is missing",)
    assert store.list() == ()
    store.remove("app")
    assert store.collect() > 0
    assert not list(store.content.digests())


def test_an_incomplete_image_is_not_added(store: ImageStore, tmp_path: Path) -> None:
    image = add_image(store, tmp_path, "app")
    store.content.remove(image.manifest.layers[1].digest)
    with pytest.raises(ImageError, match="is missing"):
        store.add(image.root, ["other"])
    with pytest.raises(ImageError, match="no image"):
        store.get("other")
    with pytest.raises(UsageError):
        store.add(image.root, ["NO NAME"])


def test_an_index_counts_as_far_as_it_is_here(store: ImageStore, tmp_path: Path) -> None:
    image = add_image(store, tmp_path, "app")
    missing = Descriptor(image.root.media_type, "sha256:" + "0" * 64, 9, platform=Platform("s390x"))
    here = Descriptor(image.root.media_type, image.root.digest, image.root.size, platform=Platform("riscv64"))
    root = store.content.put(Index((missing, here)).serialise(), OCI_INDEX)
    added = store.add(root, ["many"])
    assert added.id == image.id and added.descriptor.digest == image.root.digest
    assert store.get("many", Platform("riscv64")).id == image.id
    with pytest.raises(ImageError, match="has nothing for"):
        store.get("many", Platform("s390x"))
    store.remove("app")
    assert store.collect() == 0 and store.check() == ()
    for _ in range(6):
        root = store.content.put(Index((root,)).serialise(), OCI_INDEX)
    with pytest.raises(ImageError, match="without end"):
        store.add(root)


def test_a_broken_names_file_is_one_line(store: ImageStore, tmp_path: Path) -> None:
    add_image(store, tmp_path, "app")
    (tmp_path / "state/data/image/names.json").write_text("{")
    for act in (store.list, store.collect, lambda: store.get("app"), lambda: store.tag("app", "x")):
        with pytest.raises(TareError, match=r"names\.json is not JSON"):
            act()
    assert len(store.check()) == 1


def _work(root: Path, number: int) -> None:
    store = ImageStore(State.at(root / "state"))
    scratch = root / str(number)
    scratch.mkdir()
    for turn in range(5):
        add_image(store, scratch, f"app:{number}", f"app:{number}-{turn}", "shared", text=str(turn))
        store.collect()
        store.remove(f"app:{number}")
        assert store.get(f"app:{number}-{turn}").config.labels == {"text": str(turn)}


def test_processes_share_it(store: ImageStore, tmp_path: Path) -> None:
    start = multiprocessing.get_context("spawn")
    workers = [start.Process(target=_work, args=(tmp_path, number)) for number in range(3)]
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join()
    assert [worker.exitcode for worker in workers] == [0, 0, 0]
    assert store.check() == ()
    assert {name for image in store.list() for name in image.names} == {
        "shared:latest",
        *(f"app:{number}-{turn}" for number in range(3) for turn in range(5)),
    }
