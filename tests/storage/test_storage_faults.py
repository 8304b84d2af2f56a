"""Drivers that are killed, raced and starved, and the choice among them."""

import os
import select
import signal
import subprocess
import sys
import textwrap
from pathlib import Path

import psutil
import pytest
from storage_places import mount_image, mount_memory, private

from runtime.storage import overlayfs, registry
from runtime.storage.clean import sweep
from runtime.storage.protocol import Driver
from tare.errors import ImageError, TareError, UsageError
from tare.state import State

BASE, TOP = "sha256:" + "b" * 64, "sha256:" + "c" * 64
PROJECT = Path(__file__).parent.parent.parent
DRIVERS = ("overlay", "vfs", "fuse-overlayfs")


@pytest.fixture(params=DRIVERS)
def driver(request, tmp_path) -> Driver:
    return registry.driver(State.at(tmp_path), request.param)


def process(driver: Driver, state: Path, body: str) -> "subprocess.Popen[str]":
    """Another process that has the driver as `driver`, and tells on its output how far it is."""
    code = f"""
    import os, sys, time
    from pathlib import Path
    from runtime.storage import registry
    from tare.state import State
    BASE, TOP = "sha256:" + "b" * 64, "sha256:" + "c" * 64
    driver = registry.driver(State.at(Path({str(state)!r})), {driver.name!r})
    def say(text):
        print(text, flush=True)
    """
    return subprocess.Popen(
        [sys.executable, "-c", textwrap.dedent(code) + textwrap.dedent(body)],
        cwd=PROJECT,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )


def names(driver: Driver) -> list[str]:
    return sorted(
        path.name for kind in ("layers", "containers") for path in (driver._directory / kind).iterdir()
    )


def fill(path: Path) -> None:
    (path / "file").write_text("filled\n")


def test_several_processes_add_a_layer_once(driver, tmp_path) -> None:
    body = """
    sys.stdin.readline()
    def unpack(path):
        say("unpacks")
        (path / "file").write_text("filled\\n")
        time.sleep(0.05)
    driver.add_layer(BASE, None, unpack)
    say("has it" if driver.has_layer(BASE) else "lacks it")
    """
    processes = [process(driver, tmp_path, body) for _ in range(4)]
    for one in processes:
        one.stdin.write("go\n")
        one.stdin.flush()
    said = [one.communicate()[0].splitlines() for one in processes]
    assert sorted(line for lines in said for line in lines) == ["has it"] * 4 + ["unpacks"]
    assert names(driver) == [BASE.replace(":", "-")]


@pytest.mark.parametrize("moment", ["unpack", "rename", "measure"])
def test_a_process_killed_while_adding_leaves_nothing_to_see(driver, tmp_path, moment) -> None:
    body = f"""
    import runtime.storage.store, runtime.storage.whole, runtime.storage.drivers.overlay
    def stop(*arguments, **options):
        say("there")
        time.sleep(60)
    def unpack(path):
        (path / "file").write_text("half")
        if {moment!r} == "unpack":
            stop()
    if {moment!r} == "rename":
        Path.rename = stop
    if {moment!r} == "measure":
        runtime.storage.whole.measure = runtime.storage.drivers.overlay.measure = stop
    driver.add_layer(BASE, None, unpack)
    """
    with process(driver, tmp_path, body) as killed:
        assert killed.stdout.readline() == "there\n"
        assert driver.sweep() == []
        os.kill(killed.pid, signal.SIGKILL)
    assert driver.layers() == ()
    assert not driver.has_layer(BASE)
    assert len(names(driver)) == 1
    assert len(driver.sweep()) == 1
    assert names(driver) == []
    driver.add_layer(BASE, None, fill)
    assert driver.has_layer(BASE)


def test_the_next_one_takes_over_from_a_killed_one(driver, tmp_path) -> None:
    body = """
    def unpack(path):
        (path / "half").write_text("half")
        say("there")
        time.sleep(60)
    driver.add_layer(BASE, None, unpack)
    """
    with process(driver, tmp_path, body) as killed:
        killed.stdout.readline()
        with process(driver, tmp_path, body) as waiting:
            os.kill(killed.pid, signal.SIGKILL)
            assert waiting.stdout.readline() == "there\n"
            os.kill(waiting.pid, signal.SIGKILL)
    driver.add_layer(BASE, None, fill)
    driver.create("one", BASE)
    with driver.opened("one") as root:
        assert [path.name for path in Path(f"/proc/self/fd/{root}").iterdir()] == ["file"]


def test_a_parent_stays_while_a_layer_over_it_is_unpacked(driver) -> None:
    driver.add_layer(BASE, None, fill)

    def unpack(path: Path) -> None:
        with pytest.raises(ImageError, match=f"in use by the layer {TOP}"):
            driver.remove_layer(BASE)
        fill(path)

    driver.add_layer(TOP, BASE, unpack)
    assert driver.layers() == (BASE, TOP)


def test_a_failed_unpacking_leaves_nothing(driver) -> None:
    def unpack(path: Path) -> None:
        fill(path)
        raise ImageError("the layer is broken")

    with pytest.raises(ImageError, match="the layer is broken"):
        driver.add_layer(BASE, None, unpack)
    assert names(driver) == []


@pytest.mark.parametrize("name", ["overlay", "vfs", "btrfs"])
def test_a_full_disk_is_one_line_and_leaves_nothing(tmp_path, name) -> None:
    def unpack(path: Path) -> None:
        for number in range(64):
            (path / str(number)).write_bytes(os.urandom(8 << 20))

    def check() -> None:
        driver = registry.driver(State.at(tmp_path / "disk/state"), name)
        with pytest.raises(
            ImageError, match=f"^no space left in .* for the layer {BASE}; free some disk space$"
        ):
            driver.add_layer(BASE, None, unpack)
        assert names(driver) == []
        if name == "vfs":
            driver.add_layer(BASE, None, lambda path: (path / "file").write_bytes(os.urandom(5 << 20)))
            with pytest.raises(ImageError, match="^no space left in .* for the root of container two; free"):
                for container in ("one", "two", "three"):
                    driver.create(container, BASE)
            assert driver.containers() == ("one",)

    with private() as call:
        if name == "btrfs":
            call(mount_image, "btrfs", tmp_path / "image", tmp_path / "disk")
        else:
            call(mount_memory, tmp_path / "disk", "14m")
        call(check)


def test_the_best_driver_is_chosen(tmp_path) -> None:
    assert registry.names() == ("btrfs", "fuse-overlayfs", "overlay", "vfs")
    assert registry.driver(State.at(tmp_path)).name == "overlay"
    assert list(registry.unusable(tmp_path)) == ["overlay", "btrfs", "fuse-overlayfs", "vfs"]
    with pytest.raises(UsageError, match="no storage driver is called 'aufs'; choose from btrfs, fuse"):
        registry.driver(State.at(tmp_path), "aufs")
    with pytest.raises(UsageError, match="the storage driver btrfs can't be used: .* is not on btrfs"):
        registry.driver(State.at(tmp_path), "btrfs")


def test_a_driver_with_layers_stays_chosen(tmp_path) -> None:
    registry.driver(State.at(tmp_path), "vfs").add_layer(BASE, None, fill)
    assert registry.driver(State.at(tmp_path)).name == "vfs"
    assert registry.driver(State.at(tmp_path), "overlay").name == "overlay"


def test_an_overlay_holds_no_overlays_upper(tmp_path) -> None:
    for name in ("lower", "upper", "work", "merged"):
        (tmp_path / name).mkdir()

    def check() -> None:
        lower = os.open(tmp_path / "lower", os.O_PATH)
        mounted = overlayfs.mount([lower], "taretest", str(tmp_path))
        overlayfs.syscalls.move_mount(mounted, overlayfs.syscalls.AT_FDCWD, str(tmp_path / "merged"))
        os.close(mounted)
        os.close(lower)
        state = State.at(tmp_path / "merged/state")
        reason = registry.unusable(state.directory("layers"))["overlay"]
        assert reason.endswith("lies on an overlay filesystem, which can't hold another's upper directory")
        with pytest.raises(UsageError, match="the storage driver overlay can't be used"):
            registry.driver(state, "overlay")
        assert registry.driver(state).name == "fuse-overlayfs"

    with private() as call:
        call(check)


def test_a_dead_fuse_process_is_replaced(tmp_path) -> None:
    def check() -> None:
        driver = registry.driver(State.at(tmp_path), "fuse-overlayfs")
        driver.add_layer(BASE, None, fill)
        driver.create("one", BASE)
        for _ in range(2):
            root = driver.root("one")
            assert (root.rootfs / "file").read_text() == "filled\n"
            driver.root("one")
            (mount,) = _mounts(tmp_path)
            assert " - fuse.fuse-overlayfs tare" in mount
            kill(server(driver))
        driver.remove("one")
        assert _mounts(tmp_path) == []

    with private() as call:
        call(check)


def _mounts(place: Path) -> list[str]:
    lines = Path("/proc/thread-self/mountinfo").read_text().splitlines()
    return [line for line in lines if str(place) in line]


def server(driver: Driver) -> int:
    """The process that serves the driver's roots."""
    held = driver._containers / "one/upper"
    (found,) = [process.pid for process in psutil.process_iter(["name"]) if _serves(process, held)]
    return found


def kill(pid: int) -> None:
    descriptor = os.pidfd_open(pid)
    signal.pidfd_send_signal(descriptor, signal.SIGKILL)
    poll = select.poll()
    poll.register(descriptor, select.POLLIN)
    assert poll.poll(10_000)
    os.close(descriptor)


def test_a_fuse_mount_that_fails_is_one_line(tmp_path, monkeypatch) -> None:
    driver = registry.driver(State.at(tmp_path), "fuse-overlayfs")
    driver.create("one", None)
    (driver._containers / "one/work").rmdir()
    with pytest.raises(
        TareError, match="^can't mount with lowerdir=.*workdir.*; see the manual page of fuse-overlayfs$"
    ):
        driver.root("one")
    monkeypatch.setenv("PATH", "")
    assert registry.unusable(tmp_path)["fuse-overlayfs"] == "the program fuse-overlayfs is not installed"


def test_cleaning_removes_what_was_begun(tmp_path) -> None:
    state = State.at(tmp_path)
    assert sweep(state) == []
    for name in ("overlay", "vfs"):
        driver = registry.driver(state, name)
        driver.add_layer(BASE, None, fill)
        (driver._layers / f".new-{TOP.replace(':', '-')}").mkdir()
    assert len(sweep(state)) == 2
    assert registry.driver(state, "vfs").layers() == (BASE,)
    assert sweep(state) == []


def test_a_damaged_store_is_found_out(driver) -> None:
    driver.add_layer(BASE, None, fill)
    driver.add_layer(TOP, BASE, fill)
    driver.create("one", TOP)
    assert driver.check() == []
    for chain in (BASE, TOP):
        (driver._layers / chain.replace(":", "-") / "fs/file").unlink()
        (driver._layers / chain.replace(":", "-") / "fs").rmdir()
    assert driver.check() == [
        f"the layer {BASE} has no files",
        f"the layer {TOP} has no files",
        f"the layer {TOP} lacks the layer {BASE} under it",
        f"the container one lacks its layer {TOP}",
    ]


def _serves(process: psutil.Process, held: Path) -> bool:
    """Whether a process has it open; others, which end meanwhile, don't."""
    if process.info["name"] != "fuse-overlayfs":
        return False
    try:
        return held in {entry.readlink() for entry in Path(f"/proc/{process.pid}/fd").iterdir()}
    except FileNotFoundError:
        return False
