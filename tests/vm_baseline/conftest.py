import shutil
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tare.state import State
from vm_baseline import Hypervisor, MachineSpec
from vm_baseline.initramfs import host_busybox
from vm_baseline.place import domain_prefix, link_path
from vm_baseline.processes import command_lines

PROFILES = ("vm-micro", "vm-q35")


@pytest.fixture(scope="session")
def data(tmp_path_factory) -> Path:
    """Kernels, disks and probes, made once for all tests."""
    return tmp_path_factory.mktemp("vm-data")


@pytest.fixture(scope="session")
def rootfs(tmp_path_factory) -> Path:
    """An image with nothing but busybox."""
    root = tmp_path_factory.mktemp("image")
    for name in ("bin", "etc", "www"):
        (root / name).mkdir()
    shutil.copy(host_busybox(), root / "bin/busybox")
    listed = subprocess.run([root / "bin/busybox", "--list"], capture_output=True, text=True, check=True)
    for applet in listed.stdout.split():
        if applet != "busybox":
            (root / "bin" / applet).symlink_to("busybox")
    (root / "www/index.html").write_text("served by the guest\n")
    return root


def remains(state: State) -> list[str]:
    """What a state left behind: processes, links, taps and instance files."""
    marks = (str(state.run), domain_prefix(state), str(link_path(state)))
    found = [f"process {pid}" for pid, words in command_lines() if any(m in w for w in words for m in marks)]
    found += [str(path) for kind in ("vm", "libvirt") for path in (state.run / kind).glob("*")]
    return found + [path.name for path in Path("/sys/class/net").glob(f"*{state.tag}*")]


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
