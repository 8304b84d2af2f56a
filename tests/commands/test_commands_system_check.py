"""Damage is found, each a line, and what is whole has none."""

import shutil

from runtime.image.store import ImageStore
from runtime.storage import registry


def test_a_whole_state(said, bare_tarebox):
    said("create", "--name", "box", "--network", "none", "-v", "kept:/data", "busybox", "true")
    said("start", "box")
    said("wait", "box")
    assert said("system", "check") == said("system", "check", "--quick") == ""


def test_an_empty_state(bare, bare_tarebox):
    ended = bare_tarebox("system", "check")
    assert (ended.returncode, ended.stdout, ended.stderr) == (0, "", "")


def test_each_damage_is_a_line(said, tarebox, state):
    said("run", "--name", "box", "--network", "none", "-v", "kept:/data", "busybox", "true")
    said("run", "--name", "lost", "--network", "none", "busybox", "true")
    image, driver = ImageStore(state).get("busybox"), registry.driver(state)
    layer = image.manifest.layers[0].digest
    path = ImageStore(state).content.path(layer)
    data = bytearray(path.read_bytes())
    data[1000] ^= 1
    # Other tests have the same file by another link.
    path.unlink()
    path.write_bytes(data)
    identity = said("ps", "-aq", "--no-trunc", "--filter", "name=lost")
    driver.remove(identity)
    driver.create("0" * 64, image.layers[-1])
    shutil.rmtree(state.data / "volumes/kept")
    ended = tarebox("system", "check")
    assert ended.returncode == 1
    assert ended.stderr == ""
    assert sorted(ended.stdout.splitlines()) == [
        "container box: its volume kept is missing",
        f"container lost: the storage driver {driver.name} has no files of it",
        f"image: content {layer} is damaged",
        f"storage driver {driver.name}: the root 000000000000 belongs to no container",
    ]
    # What is damaged isn't looked for in content that is not read.
    assert "damaged" not in tarebox("system", "check", "--quick").stdout
    driver.remove("0" * 64)
