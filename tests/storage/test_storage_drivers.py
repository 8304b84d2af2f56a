"""What every driver does, each on a filesystem that suits it."""

import os
import stat
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from storage_places import MADE_SUITABLY, mount_image, private

from runtime import ContainerSpec, Engine, IdMapping, Namespace
from runtime.spec import DEFAULT_NAMESPACES
from runtime.storage import registry, tree
from runtime.storage.protocol import Change, Driver
from runtime.storage.usage import disk_usage
from tare.errors import ImageError
from tare.state import State

BASE, TOP = "sha256:" + "b" * 64, "sha256:" + "c" * 64


@pytest.fixture(params=sorted(MADE_SUITABLY))
def driver(request, tmp_path) -> Iterator[tuple[Driver, Callable[..., object], State]]:
    """A driver, what runs a function where its filesystem is mounted, and its state."""
    place = tmp_path / "disk"
    with private() as call:
        call(mount_image, MADE_SUITABLY[request.param], tmp_path / "image", place)
        state = State.at(place / "state")
        yield call(registry.driver, state, request.param.partition(" ")[0]), call, state


def base(path: Path) -> None:
    for name in ("etc", "gone", "opaque", "mixed"):
        (path / name).mkdir()
    (path / "etc/kept").write_text("kept\n")
    (path / "etc/changed").write_text("before\n")
    (path / "etc/deleted").write_text("deleted\n")
    (path / "gone/file").write_text("gone\n")
    (path / "opaque/hidden").write_text("hidden\n")
    (path / "mixed/file").write_text("mixed\n")
    (path / "big").write_bytes(os.urandom(1 << 20))
    os.link(path / "etc/kept", path / "etc/linked")
    (path / "link").symlink_to("/etc/kept")
    os.mkfifo(path / "fifo")
    os.setxattr(path / "etc/kept", "user.colour", b"red")
    path.chmod(0o751)


def top(path: Path) -> None:
    for name in ("etc", "opaque"):
        (path / name).mkdir()
    os.mknod(path / "gone", stat.S_IFCHR, os.makedev(0, 0))
    os.setxattr(path / "opaque", "trusted.overlay.opaque", b"y")
    (path / "opaque/seen").write_text("seen\n")
    (path / "mixed").write_text("a file now\n")
    (path / "etc/changed").write_text("after\n")
    (path / "added").write_bytes(os.urandom(1 << 19))


def files(root: int) -> dict[str, str]:
    """Paths below a root with the content of regular files."""
    found = {}
    for path, descriptor, entries in tree.walk(root):
        for name, entry in entries:
            place = f"{path}/{name}".lstrip("/")
            found[place] = stat.filemode(entry.st_mode)[0]
            if stat.S_ISREG(entry.st_mode) and entry.st_size < 100:
                found[place] = Path(f"/proc/self/fd/{descriptor}/{name}").read_text()
    return found


IMAGE = {
    "added": "-",
    "big": "-",
    "etc": "d",
    "etc/changed": "after\n",
    "etc/deleted": "deleted\n",
    "etc/kept": "kept\n",
    "etc/linked": "kept\n",
    "fifo": "p",
    "link": "l",
    "mixed": "a file now\n",
    "opaque": "d",
    "opaque/seen": "seen\n",
}


def filled(driver: Driver) -> None:
    driver.add_layer(BASE, None, base)
    driver.add_layer(TOP, BASE, top)


def changed(root: int) -> None:
    """What a container does to its root."""
    path = Path(f"/proc/self/fd/{root}")
    (path / "etc/changed").write_text("changed again\n")
    (path / "etc/deleted").unlink()
    (path / "opaque/seen").unlink()
    (path / "opaque").rmdir()
    (path / "opaque").mkdir()
    (path / "opaque/other").write_text("other\n")
    (path / "new").mkdir()
    (path / "new/file").write_text("new\n")
    (path / "link").unlink()
    (path / "link").symlink_to("elsewhere")
    (path / "mixed").unlink()
    (path / "mixed").mkdir()
    (path / "written").write_bytes(os.urandom(1 << 18))
    os.close(os.open(path / "etc/kept", os.O_RDWR))


CHANGES = [
    Change("/etc", "C"),
    Change("/etc/changed", "C"),
    Change("/etc/deleted", "D"),
    Change("/link", "C"),
    Change("/mixed", "C"),
    Change("/new", "A"),
    Change("/new/file", "A"),
    Change("/opaque", "C"),
    Change("/opaque/other", "A"),
    Change("/opaque/seen", "D"),
    Change("/written", "A"),
]


def test_layers_add_up_and_containers_are_apart(driver) -> None:
    driver, call, _ = driver

    def check() -> None:
        filled(driver)
        for container in ("one", "two"):
            driver.create(container, TOP)
        with driver.opened("one") as root:
            assert files(root) == IMAGE
            assert stat.S_IMODE(os.fstat(root).st_mode) == 0o751
            kept = f"/proc/self/fd/{root}/etc/kept"
            assert os.getxattr(kept, "user.colour") == b"red"
            assert Path(kept).stat().st_ino == Path(kept).with_name("linked").stat().st_ino
            changed(root)
        with driver.opened("two") as root:
            assert files(root) == IMAGE
        driver.create("three", TOP)
        with driver.opened("three") as root:
            assert files(root) == IMAGE
        with driver.opened("one") as root:
            assert files(root)["new/file"] == "new\n"

    call(check)


def test_changes_are_told_and_can_be_made_a_layer_of(driver) -> None:
    driver, call, _ = driver

    def check() -> None:
        filled(driver)
        driver.create("one", TOP)
        assert list(driver.changes("one")) == []
        with driver.opened("one") as root:
            changed(root)
            then = files(root)
        assert list(driver.changes("one")) == CHANGES
        committed = "sha256:" + "d" * 64
        with driver.difference("one") as difference:
            driver.add_layer(committed, TOP, lambda path: copied(difference, path))
        assert [path.name for path in (driver._containers).iterdir()] == ["one"]
        driver.create("again", committed)
        with driver.opened("again") as root:
            assert files(root) == then
        assert list(driver.changes("again")) == []

    call(check)


def copied(source: Path, target: Path, owner: tuple[int, int] | None = None) -> None:
    reading, writing = os.open(source, os.O_RDONLY), os.open(target, os.O_RDONLY)
    tree.copy(reading, writing, owner)
    os.close(reading)
    os.close(writing)


def test_a_container_without_an_image_is_empty(driver) -> None:
    driver, call, _ = driver

    def check() -> None:
        driver.create("one", None)
        with driver.opened("one") as root:
            assert files(root) == {}
            Path(f"/proc/self/fd/{root}/file").touch()
        assert list(driver.changes("one")) == [Change("/file", "A")]

    call(check)


def test_bytes_are_counted_where_they_are(driver, request) -> None:
    driver, call, _ = driver
    case = request.node.callspec.params["driver"]

    def check() -> None:
        filled(driver)
        driver.create("one", TOP)
        with driver.opened("one") as root:
            Path(f"/proc/self/fd/{root}/written").write_bytes(os.urandom(1 << 18))
            Path(f"/proc/self/fd/{root}/etc/kept").touch()
        used = disk_usage(driver, {"whole": (BASE, TOP), "base": (BASE,)}, {"one": (TOP, BASE)})
        base, top, written, near = 1 << 20, 1 << 19, 1 << 18, 1 << 17
        # Copies that share nothing are counted as often as they are there.
        again = driver.name == "vfs" and used.layers[TOP].unique > base
        assert again == (case == "vfs")
        assert used.images["base"].shared == pytest.approx(base, abs=near)
        assert used.images["base"].unique == 0
        assert used.images["whole"].unique == pytest.approx(top + again * base, abs=near)
        assert used.containers["one"].unique == pytest.approx(written + again * (base + top), abs=near)
        assert used.total == sum(map(driver.layer_bytes, driver.layers())) + driver.container_bytes("one")

    call(check)


def test_what_is_in_use_stays(driver) -> None:
    driver, call, _ = driver

    def check() -> None:
        filled(driver)
        driver.create("one", TOP)
        with pytest.raises(ImageError, match=f"the layer {BASE} is in use by the layer {TOP}; remove"):
            driver.remove_layer(BASE)
        with pytest.raises(ImageError, match=f"the layer {TOP} is in use by the container one"):
            driver.remove_layer(TOP)
        driver.remove("one")
        driver.remove("one")
        for chain in (TOP, BASE, BASE):
            driver.remove_layer(chain)
        assert driver.layers() == driver.containers() == ()
        left = [path for kind in ("layers", "containers") for path in (driver._directory / kind).iterdir()]
        assert left == []

    call(check)


def test_what_is_missing_is_named(driver) -> None:
    driver, call, _ = driver

    def check() -> None:
        with pytest.raises(ImageError, match=f"no layer {BASE}"):
            driver.create("one", BASE)
        with pytest.raises(ImageError, match=f"no layer {BASE}"):
            driver.add_layer(TOP, BASE, top)
        with pytest.raises(ImageError, match="the container one has no root"):
            driver.root("one")
        with pytest.raises(ImageError, match="no root"):
            list(driver.changes("one"))
        driver.create("one", None)
        with pytest.raises(ImageError, match="has a root already"):
            driver.create("one", None)
        assert driver.layer_bytes(BASE) == driver.container_bytes("two") == 0
        assert driver.sweep() == []

    call(check)


@pytest.mark.parametrize("name", ["../up", "a/b", ".hidden", "", "a\0b"])
def test_names_lead_nowhere(tmp_path, name) -> None:
    driver = registry.driver(State.at(tmp_path), "vfs")
    with pytest.raises(ImageError, match="names no layer or container"):
        driver.create(name, None)


def run(state: State, spec: ContainerSpec) -> tuple[int, str]:
    with Engine(state) as engine, os.fdopen(os.memfd_create("out"), "r+b") as output:
        container = engine.start(spec, stdin=output.fileno(), stdout=output.fileno(), stderr=output.fileno())
        status = container.wait(30)
        container.remove()
        output.seek(0)
        return status, output.read().decode()


def test_a_container_starts_again_with_its_files(driver, image) -> None:
    driver, call, state = driver

    def check() -> None:
        driver.add_layer(BASE, None, lambda path: copied(image, path))
        driver.add_layer(TOP, BASE, top)
        driver.create("one", TOP)
        for command, expected in (
            ("cat /mixed; echo kept > /etc/mine; rm /etc/hosts", "a file now\n"),
            ("cat /etc/mine; test -e /etc/hosts || echo gone", "kept\ngone\n"),
        ):
            root = driver.root("one")
            spec = root.apply(ContainerSpec(root.rootfs, ("/bin/sh", "-c", command)))
            assert run(state, spec) == (0, expected)
            driver.release("one")
        assert Change("/etc/mine", "A") in list(driver.changes("one"))
        assert Change("/etc/hosts", "D") in list(driver.changes("one"))

    call(check)


def test_containers_that_keep_nothing_share_an_image(driver, image) -> None:
    driver, call, state = driver

    def check() -> None:
        driver.add_layer(BASE, None, lambda path: copied(image, path))
        driver.add_layer(TOP, BASE, top)
        root = driver.image(TOP)
        with pytest.raises(ImageError, match="no layer"):
            driver.image("sha256:" + "e" * 64)
        for on_disk in (True, False):
            command = "cat /mixed; test -e /etc/mine && echo there; echo kept > /etc/mine"
            spec = root.apply(ContainerSpec(root.rootfs, ("/bin/sh", "-c", command), on_disk=on_disk))
            assert run(state, spec) == (0, "a file now\n")

    call(check)


def test_the_root_of_a_user_namespace(tmp_path, image) -> None:
    state = State.at(tmp_path)
    driver = registry.driver(state, "overlay")

    def unpack(path: Path) -> None:
        copied(image, path, (100000, 100000))
        os.chown(path, 100000, 100000)

    driver.add_layer(BASE, None, unpack)
    driver.create("one", BASE, (100000, 100000))
    for path in (*tmp_path.parents, tmp_path):
        if path.name.startswith(("test_", "pytest-")):
            path.chmod(0o755)
    root = driver.root("one")
    for command, expected in (
        ("rm -r /www && mkdir /www && echo mine > /www/mine", ""),
        ("cat /www/mine", "mine\n"),
    ):
        spec = ContainerSpec(
            root.rootfs,
            ("/bin/sh", "-c", command),
            namespaces=DEFAULT_NAMESPACES | {Namespace.USER},
            mappings=(IdMapping(0, 100000, 65536),),
        )
        assert run(state, root.apply(spec)) == (0, expected)
    told = [change for change in driver.changes("one") if change.path.startswith("/www")]
    assert told == [Change("/www", "C"), Change("/www/index.html", "D"), Change("/www/mine", "A")]
    with driver.opened("one") as descriptor:
        assert os.listdir(f"/proc/self/fd/{descriptor}/www") == ["mine"]
