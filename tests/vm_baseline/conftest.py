import shutil
import subprocess
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from made_once import share
from vm_remains import remains

from tare.state import PREFIX, State
from vm_baseline import Hypervisor, MachineSpec
from vm_baseline.place import link_path


@pytest.fixture(autouse=True)
def no_short_links(tmp_path) -> Iterator[None]:
    """What a command line below a long path needed in the temporary directory goes with the test."""
    yield
    for link in Path(tempfile.gettempdir()).glob(f"{PREFIX}-*"):
        if link.is_symlink() and link.readlink().is_relative_to(tmp_path):
            link.unlink()


@pytest.fixture(scope="session")
def data(tmp_path_factory, made) -> Path:
    """Kernels, disks and probes, made once for all tests."""
    place = tmp_path_factory.mktemp("vm-data")
    share(made, place)
    return place


@pytest.fixture(scope="session")
def rootfs(tmp_path_factory) -> Path:
    """An image with nothing but busybox."""
    root = tmp_path_factory.mktemp("image")
    for name in ("bin", "etc", "www"):
        (root / name).mkdir()
    # Debian's busybox-static, as tools/setup installs it.
    shutil.copy(shutil.which("busybox") or "/bin/busybox", root / "bin/busybox")
    listed = subprocess.run([root / "bin/busybox", "--list"], capture_output=True, text=True, check=True)
    for applet in listed.stdout.split():
        if applet != "busybox":
            (root / "bin" / applet).symlink_to("busybox")
    (root / "www/index.html").write_text("served by the guest\n")
    return root


@pytest.fixture
def state(tmp_path, data) -> Iterator[State]:
    own = State(data=data, run=tmp_path / "run")
    yield own
    left = remains(own)
    link_path(own).unlink(missing_ok=True)
    assert left == []


@pytest.fixture(scope="module")
def shared_hypervisor(data, tmp_path_factory) -> Iterator[Hypervisor]:
    own = State(data=data, run=tmp_path_factory.mktemp("shared") / "run")
    with Hypervisor(own) as hypervisor:
        yield hypervisor
    left = remains(own)
    link_path(own).unlink(missing_ok=True)
    assert left == []


@pytest.fixture
def spec(rootfs) -> Callable[..., MachineSpec]:
    def make(profile: str = "vm-micro", *argv: str, **more) -> MachineSpec:
        return MachineSpec(profile, rootfs, argv=argv or None, **more)

    return make
