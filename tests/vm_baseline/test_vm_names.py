"""What a machine and its files call it, where nobody has said so."""

import os
import re
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from vm_remains import remains

from tare.state import State
from vm_baseline import clean
from vm_baseline.place import link_path

LOOK = ("sh", "-c", "hostname; cat /etc/hostname; echo $HOSTNAME; cat /etc/hosts")
SHAPES = {
    "booted": ("vm-micro",),
    "booted from a disk": ("vm-q35",),
    "read-only": ("vm-q35", "--filesystem", "erofs"),
    "restored": ("vm-restored",),
    "pooled": ("vm-pool",),
}
ADDRESSES = {"none": "127.0.1.1", "user": "10.0.2.15"}
Call = Callable[..., str]


@pytest.fixture(scope="module")
def call(data, tmp_path_factory) -> Iterator[Call]:
    """What `tarevm` prints, which has to succeed."""
    root = tmp_path_factory.mktemp("home")
    (root / "data").symlink_to(data)
    state = State.at(root)

    def said(*words: str | Path) -> str:
        done = subprocess.run(
            [sys.executable, "-m", "vm_baseline.cli", *words],
            env={**os.environ, "TAREBENCH_ROOT": str(root)},
            stdin=subprocess.DEVNULL, capture_output=True, text=True, check=False,
        )  # fmt: skip
        assert (done.returncode, done.stderr) == (0, "")
        return done.stdout

    yield said
    clean(state)
    left = remains(state)
    link_path(state).unlink(missing_ok=True)
    assert left == []


def check(said: str, address: str) -> str:
    """The name that all agree on."""
    own, in_file, variable, *names = said.splitlines()
    assert own == in_file == variable
    assert names[0] == "127.0.0.1\tlocalhost"
    assert names[-1] == f"{address}\t{own}"
    return own


@pytest.mark.parametrize("shape", SHAPES)
def test_it_has_twelve_digits_of_its_own_as_a_container(call, rootfs, shape) -> None:
    profile = ("--profile", *SHAPES[shape])
    first = check(call("run", *profile, f"{rootfs}/", *LOOK), ADDRESSES["none"])
    assert re.fullmatch("[0-9a-f]{12}", first)
    if shape in ("restored", "pooled"):
        second = call("run", *profile, "--network", "user", "-h", "other", f"{rootfs}/", *LOOK)
        assert check(second, ADDRESSES["user"]) == "other"


def test_one_that_is_let_run_is_called_as_it_is_listed(call, rootfs) -> None:
    name = call("run", "-d", f"{rootfs}/", "sleep", "999").strip()
    try:
        assert check(call("exec", name, *LOOK), ADDRESSES["none"]) == name
    finally:
        call("rm", "--force", name)


def test_a_directory_of_the_host_keeps_its_files(call, rootfs, tmp_path) -> None:
    (tmp_path / "hosts").write_text("192.0.2.1 mine\n")
    said = call("run", "-v", f"{tmp_path}:/etc", f"{rootfs}/", "cat", "/etc/hosts")
    assert said == "192.0.2.1 mine\n"
    assert [path.name for path in tmp_path.iterdir()] == ["hosts"]


def test_an_image_without_a_place_for_the_files_boots_as_well(call, rootfs, tmp_path) -> None:
    image = tmp_path / "image"
    subprocess.run(["cp", "-a", rootfs, image], check=True)
    (image / "etc").rmdir()
    (image / "etc").touch()
    assert call("run", "-h", "inner", f"{image}/", "hostname") == "inner\n"
