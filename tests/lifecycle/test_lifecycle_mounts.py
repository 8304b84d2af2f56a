"""Volumes, paths of the host and memory in containers."""

import os
import signal
import subprocess
import sys
import threading
from collections.abc import Callable
from pathlib import Path

import pytest

from runtime import IdMapping, Namespace
from runtime.errors import CommandNotFoundError
from runtime.image.layers import unpack_layers
from runtime.image.store import ImageStore
from runtime.lifecycle import Mount, executing
from runtime.lifecycle.record import has_ended
from runtime.spec import DEFAULT_NAMESPACES
from runtime.storage import registry
from runtime.storage.copying import copy_in
from runtime.volumes import Volumes
from runtime.volumes.volume import VolumeError
from tare.errors import UsageError

CREATOR = """\
import sys
from pathlib import Path
from runtime import ContainerSpec
from runtime.lifecycle import Containers, Mount, Networking, Settings
from tare.state import State
with Containers(State.at(Path(sys.argv[1]))) as containers:
    print("ready", flush=True)
    mounts = (Mount("volume", "", "/bin"), Mount("volume", "named", "/usr"))
    spec = ContainerSpec(Path("/nonexistent"), ("true",))
    while True:
        containers.remove(containers.create(Settings(
            spec, chain=sys.argv[2], networking=Networking("none"), mounts=mounts)), volumes=True)
"""


@pytest.fixture
def said(containers, stored, output) -> Callable[..., str]:
    """What a command of the image says, its end awaited."""

    def run(*argv: str, status: int = 0, **fields) -> str:
        identity = containers.run(stored(*argv, **fields))
        assert containers.wait(identity, timeout=30) == status, output(identity)
        return output(identity)

    return run


def sh(script: str) -> tuple[str, ...]:
    return ("sh", "-c", script)


def test_a_root_is_there_before_the_start(containers, stored, output, tmp_path) -> None:
    identity = containers.create(stored("cat", "/etc/given"))
    driver, name = containers.root(identity)
    (tmp_path / "given").write_text("from outside\n")
    with driver.opened(name) as root:
        copy_in(root, tmp_path / "given", "/etc/given")
    containers.start(identity)
    containers.wait(identity, timeout=30)
    assert output(identity) == "from outside\n"
    assert "A" in {change.kind for change in driver.changes(name) if change.path == "/etc/given"}
    containers.remove(identity)
    assert name not in driver.containers()


def test_what_it_wrote_stays(containers, stored, output) -> None:
    identity = containers.run(stored(*sh("cat /written; echo again >> /written")))
    containers.wait(identity, timeout=30)
    containers.start(identity)
    containers.wait(identity, timeout=30)
    assert output(identity).endswith("again\n")


def test_a_named_volume_outlives_containers(containers, stored, said, state) -> None:
    volume = (Mount("volume", "data", "/data"),)
    said(*sh("echo kept > /data/file"), mounts=volume)
    assert said("cat", "/data/file", mounts=volume) == "kept\n"
    read_only = (Mount("volume", "data", "/data", read_only=True),)
    assert "Read-only" in said(*sh("echo > /data/file"), mounts=read_only, status=1)
    volumes = Volumes(state)
    for record in containers.list(every=True, filters={"volume": ["data"]}):
        with pytest.raises(VolumeError, match=record.id[:12]):
            volumes.remove("data")
        containers.remove(record.id, volumes=True)
    assert volumes.prune() == ()
    volumes.remove("data")


def test_a_new_volume_has_what_the_image_has(containers, said, state) -> None:
    seen = ("stat", "-c", "%a %u:%g %s %Y %n", "/bin/busybox", "/bin")
    assert said(*seen, mounts=(Mount("volume", "bin", "/bin"),))[:20] == said(*seen)[:20]
    volumes = Volumes(state)
    assert len(os.listdir(volumes.path("bin"))) > 10
    (volumes.path("bin") / "busybox").write_text("mine")
    assert said("ls", "/data", mounts=(Mount("volume", "empty", "/data"),)) == ""
    with pytest.raises(CommandNotFoundError):
        said("true", mounts=(Mount("volume", "left", "/bin", copy=False),))


def test_owner_and_mode_of_the_directory(containers, stored, said, state) -> None:
    assert said("stat", "-c", "%a", "/tmp", mounts=(Mount("volume", "", "/tmp"),)) == "1777\n"


def test_anonymous_volumes_go_with_their_container(containers, stored, state) -> None:
    mounts = (Mount("volume", "", "/data"),)
    kept = containers.create(stored("true", mounts=mounts))
    gone = containers.create(stored("true", mounts=mounts))
    shared = containers.find(kept).settings.mounts
    containers.create(stored("true", mounts=shared))
    assert len(Volumes(state).list()) == 2
    containers.remove(gone, volumes=True)
    containers.remove(kept, volumes=True)
    assert [volume.name for volume in Volumes(state).list()] == [shared[0].source]


def test_the_monitor_removes_volumes_with_a_container(containers, stored, state) -> None:
    mounts = (Mount("volume", "", "/data"),)
    identity = containers.run(stored("sleep", "1000", mounts=mounts, auto_remove=True))
    monitor = containers.find(identity).pidfd("monitor")
    containers.stop(identity, timeout=0)
    with os.fdopen(monitor):
        assert has_ended(monitor, 30)
    assert Volumes(state).list() == []


def test_killed_anywhere_a_volume_is_filled_or_empty(containers, stored, state) -> None:
    command = (sys.executable, "-c", CREATOR, str(state.data.parent), stored("true").chain)
    whole = set()
    for delay in range(10):
        with subprocess.Popen(command, stdout=subprocess.PIPE) as process:
            assert process.stdout
            process.stdout.readline()
            threading.Event().wait(0.004 * delay)
            process.send_signal(signal.SIGKILL)
        volumes = Volumes(state)
        whole |= {len(list(volumes.path(volume.name).iterdir())) for volume in volumes.list()}
        for record in containers.list(every=True):
            containers.remove(record.id, volumes=True)
        volumes.remove("named", force=True)
    assert len(whole - {0}) <= 2
    volumes.prune(every=True)
    volumes.sweep()
    assert [path.name for path in (state.data / "volumes").iterdir()] == [".lock"]
    driver, _ = containers.root(containers.create(stored("true")))
    assert len(driver.containers()) == 1


def test_paths_of_the_host(containers, stored, said, tmp_path) -> None:
    there = tmp_path / "there"
    there.mkdir()
    said(*sh("echo new > /mnt/file"), mounts=(Mount("bind", str(there), "/mnt"),))
    assert (there / "file").read_text() == "new\n"
    made = tmp_path / "not" / "there"
    with pytest.raises(UsageError, match="no .*there to mount"):
        said("true", mounts=(Mount("bind", str(made), "/mnt"),))
    said("true", mounts=(Mount("bind", str(made), "/mnt", create=True),))
    assert made.is_dir()
    file = (Mount("bind", str(there / "file"), "/etc/file", read_only=True),)
    assert said("cat", "/etc/file", mounts=file) == "new\n"


@pytest.mark.parametrize(
    ("options", "below", "above"),
    [((), False, False), (("writable",), True, False), (("nonrecursive",), None, False)],
)
def test_read_only_with_what_is_mounted_below(said, tmp_path, options, below, above) -> None:
    outside = tmp_path / "outside"
    (outside / "below").mkdir(parents=True)
    subprocess.run(("mount", "-t", "tmpfs", "tare-test", str(outside / "below")), check=True)
    try:
        (outside / "below" / "there").touch()
        mounts = (Mount("bind", str(outside), "/mnt", read_only=True, options=options),)
        script = (
            "ls /mnt/below; touch /mnt/file 2>/dev/null && echo above; touch /mnt/below/file && echo below; :"
        )
        found = said(*sh(script), mounts=mounts)
    finally:
        subprocess.run(("umount", str(outside / "below")), check=True)
    assert ("above\n" in found) == above
    assert ("below\n" in found) == bool(below)
    assert ("there\n" in found) == (below is not None)


@pytest.mark.parametrize(
    ("propagation", "into", "out"),
    [("", False, False), ("rslave", True, False), ("rshared", True, True)],
)
def test_propagation(containers, stored, tmp_path, propagation, into, out) -> None:
    place = tmp_path / "place"
    place.mkdir()

    def mount(*words: str) -> None:
        subprocess.run(("mount", *words), check=True)

    mount("--bind", str(place), str(place))
    try:
        mount("--make-shared", str(place))
        (place / "host").mkdir()
        (place / "inside").mkdir()
        mounts = (Mount("bind", str(place), "/mnt", propagation=propagation),)
        spec = {"capabilities": frozenset(("CAP_SYS_ADMIN",)), "seccomp": False}
        identity = containers.run(stored("sleep", "1000", mounts=mounts, spec=spec))
        mount("-t", "tmpfs", "tare-test", str(place / "host"))
        (place / "host" / "seen").touch()
        record = containers.find(identity)
        script = "ls /mnt/host; mount -t tmpfs tare-test /mnt/inside; touch /mnt/inside/seen"
        ended = executing.output(containers.engine, record, sh(script))
        assert (ended.stdout == b"seen\n") == into
        assert (place / "inside" / "seen").exists() == out
    finally:
        subprocess.run(("umount", "--recursive", str(place)), check=True)


def test_memory(said) -> None:
    mounts = (
        Mount("tmpfs", "", "/mem", options=("size=1m", "mode=700")),
        Mount("tmpfs", "", "/tmp"),
        Mount("tmpfs", "", "/mem/ro", read_only=True),
    )
    script = "grep -E ' (/mem|/tmp|/mem/ro) ' /proc/mounts; stat -c %a /mem /tmp"
    first, second, third, *modes = said(*sh(script), mounts=mounts).splitlines()
    assert "/mem tmpfs rw,nosuid,nodev,noexec" in first
    assert "size=1024k" in first
    assert "/tmp tmpfs rw,nosuid,nodev,noexec" in second
    assert "/mem/ro tmpfs ro" in third
    assert modes == ["700", "1777"]
    loose = (Mount("tmpfs", "", "/run", options=("exec",)),)
    assert said(*sh("cp /bin/true /run && /run/true && echo ran"), mounts=loose) == "ran\n"


def test_memory_with_options_it_hasnt(containers, stored) -> None:
    with pytest.raises(UsageError, match="sizes"):
        containers.run(stored("true", mounts=(Mount("tmpfs", "", "/mem", options=("sizes=1m",)),)))


def test_a_mount_over_a_file_of_ours(said, tmp_path) -> None:
    (tmp_path / "hosts").write_text("mine\n")
    mounts = (Mount("bind", str(tmp_path / "hosts"), "/etc/hosts"),)
    assert said("cat", "/etc/hosts", mounts=mounts) == "mine\n"


def test_inspect_shows_them(containers, stored) -> None:
    mounts = (
        Mount("volume", "data", "/data", read_only=True),
        Mount("bind", "/etc", "/host", propagation="rslave"),
        Mount("tmpfs", "", "/mem", options=("size=1m",)),
    )
    known = containers.inspect(containers.create(stored("true", mounts=mounts)))
    assert known["HostConfig"]["Binds"] == ["data:/data:ro", "/etc:/host:rslave"]
    assert known["HostConfig"]["Tmpfs"] == {"/mem": "size=1m"}
    shown = {mount["Destination"]: mount for mount in known["Mounts"]}
    assert (shown["/data"]["Name"], shown["/data"]["RW"]) == ("data", False)
    assert shown["/data"]["Source"].endswith("/volumes/data/_data")
    assert shown["/host"]["Propagation"] == "rslave"
    assert known["GraphDriver"]["Data"]["UpperDir"].endswith("/upper")
    assert Path(known["GraphDriver"]["Data"]["LowerDir"]).is_dir()
    assert known["Image"].startswith("sha256:")


@pytest.mark.parametrize("name", ["overlay", "vfs", "fuse-overlayfs"])
def test_every_storage_driver(containers, stored, output, state, monkeypatch, name) -> None:
    monkeypatch.setenv("TAREBOX_STORAGE_DRIVER", name)
    settings = stored(*sh("cat /written; echo once more >> /written"))
    store = ImageStore(state)
    with store.content.adding():
        unpack_layers(store.content, store.get("busybox"), registry.driver(state))
    identity = containers.create(settings)
    monkeypatch.delenv("TAREBOX_STORAGE_DRIVER")
    for _ in range(2):
        containers.start(identity)
        assert containers.wait(identity, timeout=30) == 0
    assert output(identity).endswith("once more\n")
    assert containers.inspect(identity)["GraphDriver"]["Name"] == name
    driver, _ = containers.root(identity)
    assert driver.name == name
    containers.remove(identity)
    assert driver.containers() == ()


def test_a_root_in_memory_is_gone_with_its_start(containers, stored, output) -> None:
    identity = containers.create(stored(*sh("cat /written; echo once > /written"), spec={"on_disk": False}))
    for _ in range(2):
        containers.start(identity)
        assert containers.wait(identity, timeout=30) == 0
    assert "once\n" not in output(identity)


def test_a_root_of_other_owners(containers, stored, output) -> None:
    spec = {
        "namespaces": DEFAULT_NAMESPACES | {Namespace.USER},
        "mappings": (IdMapping(0, 100_000, 1000),),
    }
    identity = containers.create(stored(*sh("id -u; cat /written; echo mine > /written"), spec=spec))
    for _ in range(2):
        containers.start(identity)
        assert containers.wait(identity, timeout=30) == 0
    assert output(identity).endswith("0\nmine\n")
    driver, name = containers.root(identity)
    assert (driver.root(name).upper / "written").stat().st_uid == 100_000
