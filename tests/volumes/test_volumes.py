"""Volumes on disk; in containers they are tested in tests/lifecycle."""

import os
import signal
import subprocess
import sys
import threading
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from runtime.volumes.volume import ANONYMOUS, VolumeError, check_name
from tare.errors import UsageError

CREATOR = """\
import sys
from pathlib import Path
from runtime.volumes import Volumes
from tare.state import State
volumes = Volumes(State.at(Path(sys.argv[1])))
print("ready", flush=True)
while True:
    volumes.create("one")
    volumes.remove("one")
"""


def test_a_volume_by_name(volumes) -> None:
    made = volumes.create("data", {"role": "store"})
    assert volumes.get("data") == made
    assert not made.is_anonymous
    assert volumes.create("data", {"role": "other"}) == made
    path = volumes.path("data")
    (path / "file").write_text("kept")
    assert [volume.name for volume in volumes.list()] == ["data"]
    known = volumes.inspect("data")
    assert known.pop("CreatedAt").endswith("Z")
    assert known == {
        "Driver": "local",
        "Labels": {"role": "store"},
        "Mountpoint": str(path),
        "Name": "data",
        "Options": None,
        "Scope": "local",
    }
    volumes.remove("data")
    assert not path.exists()
    assert volumes.list() == []


def test_one_without_a_name(volumes) -> None:
    made = volumes.create()
    assert (len(made.name), made.is_anonymous, ANONYMOUS in made.labels) == (64, True, True)


def test_what_isnt_there(volumes) -> None:
    for call in (volumes.get, volumes.inspect, volumes.path, volumes.remove):
        with pytest.raises(VolumeError, match="no such volume: gone"):
            call("gone")
    volumes.remove("gone", force=True)


@pytest.mark.parametrize("name", ["", ".", "..", "../a", "a/b", "-a", ".lock", "ä", "a" * 256, "a\n"])
def test_names_that_cant_be(volumes, name) -> None:
    assert not volumes.has(name)
    if name:
        with pytest.raises(UsageError):
            volumes.create(name)


@given(st.text(max_size=20))
def test_a_name_is_one_entry_of_a_directory(text) -> None:
    try:
        name = check_name(text)
    except UsageError:
        return
    assert Path("/volumes", name).resolve().parent == Path("/volumes")
    assert not name.startswith(".")


def test_pruning_leaves_what_has_a_name(volumes) -> None:
    volumes.create("named")
    anonymous = volumes.create().name
    assert volumes.prune() == (anonymous,)
    assert volumes.prune(every=True) == ("named",)


def test_a_directory_of_the_host(volumes, tmp_path) -> None:
    options = {"type": "none", "o": "bind", "device": str(tmp_path)}
    volumes.create("mine", options=options)
    assert volumes.path("mine") == tmp_path
    assert volumes.inspect("mine")["Options"] == options
    assert not volumes.is_empty("mine")
    volumes.remove("mine")
    assert tmp_path.exists()


@pytest.mark.parametrize(
    "options", [{"type": "nfs"}, {"type": "none", "o": "bind", "device": "here"}, {"size": "1m"}]
)
def test_options_without_meaning(volumes, options) -> None:
    with pytest.raises(UsageError):
        volumes.create("mine", options=options)
    assert volumes.list() == []


def test_many_make_the_same_one(volumes) -> None:
    made = []
    threads = [threading.Thread(target=lambda: made.append(volumes.create("one"))) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert set(made) == {volumes.get("one")}


def test_killed_anywhere_a_volume_is_whole_or_not_there(volumes, state) -> None:
    for delay in range(12):
        command = (sys.executable, "-c", CREATOR, str(state.data.parent))
        with subprocess.Popen(command, stdout=subprocess.PIPE) as process:
            assert process.stdout
            process.stdout.readline()
            threading.Event().wait(0.001 * delay)
            process.send_signal(signal.SIGKILL)
        volumes.remove("one", force=True)
        assert volumes.create("one") == volumes.get("one")
        assert os.listdir(volumes.path("one")) == []
    volumes.sweep()
    assert {path.name for path in (state.data / "volumes").iterdir()} == {".lock", "one"}
