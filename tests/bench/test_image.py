"""Images as people name them."""

import os
from pathlib import Path

import pytest

from bench.image import find
from bench.lab import Lab
from bench.sizes import container_sizes
from runtime.image.store import ImageStore
from tare.errors import ImageError
from tare.state import State


def test_the_default_image_is_made_and_others_found(tmp_path):
    state = State.at(tmp_path)
    made = find(state, "busybox")
    assert made.stored is not None
    assert (made.rootfs / "bin/busybox").is_file()
    ImageStore(state).tag("busybox", "host.example:5000/team/app:1")
    assert find(state, "host.example:5000/team/app:1").rootfs == made.rootfs
    assert find(state, made.stored.id[7:19]).rootfs == made.rootfs
    assert container_sizes(made, tmp_path)["oci-layer"] == made.stored.manifest.layers[0].size


def test_a_directory_is_an_image(tmp_path, monkeypatch):
    state = State.at(tmp_path)
    made = find(state, "busybox")
    monkeypatch.chdir(made.rootfs)
    for reference in (str(made.rootfs), ".", "./"):
        found = find(state, reference)
        assert (found.rootfs, found.stored) == (made.rootfs, None)
    packed, stored = container_sizes(found, tmp_path), container_sizes(made, tmp_path)
    assert packed["files"] == stored["files"]
    assert packed["oci-layer"] == pytest.approx(stored["oci-layer"], rel=0.01)


@pytest.mark.parametrize("reference", ["none", "", "/no/such", "../data", "UPPER", "/etc/passwd"])
def test_none_such(tmp_path, monkeypatch, reference):
    monkeypatch.chdir(tmp_path)
    with pytest.raises(ImageError):
        find(State.at(tmp_path / "state"), reference)


def test_what_a_subject_writes_goes_to_a_copy(tmp_path):
    state = State.at(tmp_path)
    image = find(state, "busybox")
    with Lab(state) as lab:
        copy = lab.copy(image)
        assert lab.copy(image) == copy
        (copy / "dev/null").write_text("text")
        assert (copy / "bin/sh").readlink() == Path("/bin/busybox")
        assert not os.listdir(image.rootfs / "dev")
    assert not copy.exists()
