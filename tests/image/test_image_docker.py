"""What docker makes of our images, and we of its."""

import json
import os
import stat
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from clients.client_daemon import daemon, removed
from image_making import add_image

from runtime.image.config import History
from runtime.image.making import extend_image
from runtime.image.pack import pack
from runtime.image.saving import load, save
from runtime.image.store import ImageStore
from tare.state import State

Docker = Callable[..., str]
ALONE = 'ip link set lo up; mount -t tmpfs none /run; exec "$@"'


@pytest.fixture
def docker(tmp_path: Path) -> Iterator[Docker]:
    """A dockerd without a network, what it leaves in /run gone with its namespace."""
    socket = tmp_path / "docker.sock"
    options = {
        "--host": f"unix://{socket}",
        "--pidfile": f"{tmp_path}/pid",
        "--data-root": f"{tmp_path}/data",
        # Short, as containerd's sockets are below it (unix(7)); it is the namespace's own.
        "--exec-root": "/run/tare",
        "--bridge": "none",
    }
    argv = ["unshare", "--net", "--mount", "sh", "-ec", ALONE, "sh", "dockerd", "--iptables=false"]

    def run(*arguments: str) -> str:
        command = ["docker", "--host", f"unix://{socket}", *arguments]
        done = subprocess.run(command, check=False, capture_output=True, text=True)
        assert done.returncode == 0, done.stderr
        return done.stdout

    with (
        removed(("/etc/docker/key.json", "/etc/docker")),
        daemon([*argv, *(part for option in options.items() for part in option)], socket),
    ):
        yield run


def test_docker_loads_ours_and_we_load_its(docker: Docker, tmp_path: Path) -> None:
    store = ImageStore(State.at(tmp_path / "state"))
    base = add_image(store, tmp_path, "base")
    upper = tmp_path / "upper"
    upper.mkdir()
    (upper / "added").write_text("added")
    os.mknod(upper / "file0", stat.S_IFCHR, 0)
    with store.content.adding():
        layer = pack(upper, store.content, compression="none")
        root = extend_image(store.content, base.manifest, base.config, layer, History(created_by="test"))
        image = store.add(root, ["localhost/ours:1"])
    save(store, ["localhost/ours:1", "base"], tmp_path / "ours")
    docker("load", "--input", f"{tmp_path}/ours")
    described = json.loads(docker("image", "inspect", "localhost/ours:1"))[0]
    assert described["Id"] == image.id
    assert tuple(described["RootFS"]["Layers"]) == image.config.diff_ids
    container = docker("create", "localhost/ours:1").strip()
    docker("cp", f"{container}:/added", f"{tmp_path}/copied")
    assert (tmp_path / "copied").read_text() == "added"
    docker("export", "--output", f"{tmp_path}/files", container)
    listed = subprocess.run(
        ["tar", "-tf", tmp_path / "files"], check=True, capture_output=True, text=True
    ).stdout
    assert "file1" in listed.split() and "file0" not in listed.split()
    docker("save", "--output", f"{tmp_path}/its", "localhost/ours:1", "base:latest")
    other = ImageStore(State.at(tmp_path / "other"))
    loaded = load(other, tmp_path / "its")
    assert {image.id: image.names for image in loaded} == {
        image.id: ("localhost/ours:1",),
        base.id: ("base:latest",),
    }
    assert other.check() == ()
    docker("rm", container)
