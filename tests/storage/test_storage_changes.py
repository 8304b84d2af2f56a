"""Whatever a container does, every driver tells the same changes, and a layer of them makes the same tree."""

import os
import shutil
import stat
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from runtime.storage import registry, tree
from runtime.storage.protocol import Driver
from tare.state import State

BASE, TOP, NEXT = ("sha256:" + letter * 64 for letter in "bcd")
NAMES = ("a", "b", "c")
PATHS = [*NAMES, *(f"{one}/{two}" for one in NAMES for two in NAMES), "a/b/c", "b/a/c"]
DOINGS = ("write", "mkdir", "remove", "link", "symlink", "chmod", "rename", "touch", "fifo", "attribute")
Doing = tuple[str, str, str]
doings = st.lists(
    st.tuples(st.sampled_from(DOINGS), st.sampled_from(PATHS), st.sampled_from(PATHS)), max_size=12
)


def do(root: Path, doing: Doing, number: int) -> None:
    """One thing that a person does; what can't be done is left undone, the same everywhere."""
    kind, first, second = doing
    path, other = root / first, root / second
    try:
        if kind == "write" and not path.is_fifo():
            path.write_text(f"{number}\n" * (number + 1))
            os.utime(path, ns=(number, number))
        elif kind == "mkdir":
            path.mkdir()
        elif kind == "remove":
            shutil.rmtree(path) if path.is_dir() and not path.is_symlink() else path.unlink()
        elif kind == "link":
            if stat.S_ISREG(other.lstat().st_mode):
                os.link(other, path)
        elif kind == "symlink":
            path.symlink_to("/dev/null/nowhere")
        elif kind == "chmod":
            path.chmod(0o700)
        elif kind == "rename":
            # A directory of the image is copied by mv, where it can't be renamed.
            if not other.is_dir():
                other.rename(path)
        elif kind == "touch":
            os.utime(path, ns=(number, number))
        elif kind == "fifo":
            os.mkfifo(path)
        else:
            os.setxattr(path, "user.number", str(number).encode())
    except OSError:
        return


def listing(root: int) -> dict[str, tuple[object, ...]]:
    found: dict[str, tuple[object, ...]] = {}
    for path, descriptor, entries in tree.walk(root):
        for name, entry in entries:
            content: object = None
            if stat.S_ISREG(entry.st_mode):
                content = Path(f"/proc/self/fd/{descriptor}/{name}").read_text()
            found[f"{path}/{name}"] = (entry.st_mode, entry.st_uid, content, _mtime(entry))
    return found


def _mtime(entry: os.stat_result) -> int:
    return 0 if stat.S_ISDIR(entry.st_mode) else entry.st_mtime_ns if entry.st_mtime_ns < 1000 else 0


def layer(driver: Driver, chain: str, parent: str | None, done: list[Doing]) -> None:
    """A layer of what is done over its parent."""
    driver.create("maker", parent)
    with driver.opened("maker") as root:
        for number, doing in enumerate(done):
            do(Path(f"/proc/self/fd/{root}"), doing, number)
    with driver.difference("maker") as difference:
        driver.add_layer(chain, parent, lambda path: copied(difference, path))
    driver.remove("maker")


def copied(source: Path, target: Path) -> None:
    reading, writing = os.open(source, os.O_RDONLY), os.open(target, os.O_RDONLY)
    try:
        tree.copy(reading, writing)
    finally:
        os.close(reading)
        os.close(writing)


@pytest.fixture(scope="module")
def drivers(tmp_path_factory) -> tuple[Driver, ...]:
    state = State.at(tmp_path_factory.mktemp("changes"))
    return tuple(registry.driver(state, name) for name in ("overlay", "vfs"))


@settings(max_examples=40, deadline=None, suppress_health_check=list(HealthCheck), derandomize=True)
@given(below=doings, above=doings, own=doings)
def test_all_drivers_agree(drivers, below, above, own) -> None:
    seen = []
    for driver in drivers:
        layer(driver, BASE, None, below)
        layer(driver, TOP, BASE, above)
        driver.create("one", TOP)
        with driver.opened("one") as root:
            image = listing(root)
            for number, doing in enumerate(own):
                do(Path(f"/proc/self/fd/{root}"), doing, 20 + number)
            changed = listing(root)
        changes = list(driver.changes("one"))
        with driver.difference("one") as difference:
            driver.add_layer(NEXT, TOP, lambda path, source=difference: copied(source, path))
        driver.create("two", NEXT)
        with driver.opened("two") as root:
            assert listing(root) == changed
        assert list(driver.changes("two")) == []
        seen.append((image, changed, changes))
        for container in ("one", "two"):
            driver.remove(container)
        for chain in (NEXT, TOP, BASE):
            driver.remove_layer(chain)
    assert seen[0] == seen[1]
