"""A whole Debian boots from its own disk and runs an image from another; it is kept between test runs."""

import select
import signal
import time
from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace
from xml.etree import ElementTree

import pytest
from kept_systems import keep_systems

from tare.errors import UsageError
from tare.state import State
from vm_baseline import Accelerator, Hypervisor, Machine, MachineSpec, boot_loader, firmware, system
from vm_baseline.commands import disks
from vm_baseline.domain import Domain, SystemFiles
from vm_baseline.errors import HypervisorError
from vm_baseline.phases import Point
from vm_baseline.prepared import check, prepare
from vm_baseline.profile import profile

MIB = 1 << 20
CODE = """\
trap 'echo told; exit 9' TERM
id -u; pwd; hostname; echo $A; read line; echo got $line; echo wrong >&2
while :; do sleep 1 & wait; done
"""
LIMIT = 600.0


@pytest.fixture(scope="module")
def hypervisor(data, shared_hypervisor) -> Hypervisor:
    keep_systems(data)
    return shared_hypervisor


@pytest.fixture(scope="module")
def machine(hypervisor, rootfs) -> Iterator[SimpleNamespace]:
    said, complained = bytearray(), bytearray()
    spec = MachineSpec(
        "vm-full", rootfs, argv=("sh", "-c", CODE), env={"A": "b"}, user="7:8", directory="/w",
        hostname="inner", has_input=True, memory=384 * MIB, user_network=True,
    )  # fmt: skip
    own = hypervisor.start(spec, output=said.extend, errors=complained.extend)
    own.wait_ready(LIMIT)
    yield SimpleNamespace(own=own, said=said, complained=complained)
    own.remove()


def ask(machine: Machine, *argv: str) -> str:
    done = machine.exec(argv, user="0", directory="/", timeout=LIMIT)
    assert done.returncode == 0, done.stderr
    return done.stdout.decode()


def test_all_of_it_is_up_before_it_is_ready(machine) -> None:
    own = machine.own
    passed = [phase.point for phase in own.phases()]
    assert passed.index(Point.FIRMWARE_DONE) < passed.index(Point.KERNEL) < passed.index(Point.INIT)
    assert ask(own, "cat", "/proc/1/comm") == "systemd\n"
    assert ask(own, "uname", "-r").strip() == own.kernel.release
    assert ":22 " in ask(own, "netstat", "-tln")
    assert ask(own, "chroot", "/proc/1/root", "systemctl", "is-active", "multi-user.target") == "active\n"


def test_the_image_is_the_root_and_the_network_is_there(machine) -> None:
    assert ask(machine.own, "cat", "/www/index.html") == "served by the guest\n"
    assert "apt" not in ask(machine.own, "ls", "/etc")
    assert "10.0.2.15/24" in ask(machine.own, "ip", "addr", "show", "eth0")


def test_both_disks_are_accounted_for(machine) -> None:
    footprint = machine.own.footprint()
    assert footprint.disk_base > 200 * MIB
    assert 0 < footprint.disk_own < 500 * MIB


def test_the_payload_has_streams_signals_and_a_status(machine) -> None:
    own = machine.own
    own.write(b"it\n")
    deadline = time.monotonic() + LIMIT
    while b"got it" not in machine.said and time.monotonic() < deadline:
        select.select([], [], [], 0.05)
    own.kill(signal.SIGTERM)
    assert own.wait(LIMIT) == 9
    assert bytes(machine.said) == b"7\n/w\ninner\nb\ngot it\ntold\n"
    assert bytes(machine.complained) == b"wrong\n"


def test_uefi_boots_the_same_disk(hypervisor, spec) -> None:
    own = hypervisor.start(spec("vm-uefi", memory=384 * MIB))
    deadline = time.monotonic() + LIMIT
    while Point.KERNEL in own.phases().absent and time.monotonic() < deadline:
        select.select([], [], [], 0.05)
    assert [phase.point for phase in own.phases()][-2:] == [Point.FIRMWARE_DONE, Point.KERNEL]
    assert (own.directory / "nvram").stat().st_size > 0
    own.remove()
    assert not own.directory.exists()


def test_the_description_has_firmware_and_disks_in_order() -> None:
    uefi = firmware.Uefi(Path("/code"), Path("/variables"))
    own = SystemFiles(Path("/system"), Path("/job"), uefi, Path("/nvram"))
    domain = Domain(
        "one", profile("vm-uefi"), Accelerator.TCG, "max", 256 * MIB, 1, None, None, "",
        Path("/s"), Path("/c"), disk=Path("/image"), system=own,
    )  # fmt: skip
    root = ElementTree.fromstring(domain.xml())
    assert (root.findtext("os/loader"), root.findtext("os/nvram")) == ("/code", "/nvram")
    assert root.find("os/kernel") is None
    found = root.findall("devices/disk")
    assert [disk.find("source").get("file") for disk in found] == ["/system", "/image", "/job"]
    assert [disk.find("boot") is not None for disk in found] == [True, False, False]
    assert [disk.find("readonly") is not None for disk in found] == [False, False, True]


def test_what_it_boots_is_on_its_disk(state, spec) -> None:
    with pytest.raises(UsageError, match="vm-full boots the kernel and process 1 that are on its disk"):
        prepare(state, spec("vm-full", init="/sbin/init"))
    with pytest.raises(UsageError, match="vm-uefi is for x86_64 only"):
        prepare(state, spec("vm-uefi", architecture="aarch64"))


def test_what_is_missing_is_named(monkeypatch, tmp_path) -> None:
    monkeypatch.setattr(firmware, "_OVMF", ())
    check(profile("vm-full"))
    with pytest.raises(HypervisorError, match="no OVMF was found; install the package ovmf"):
        check(profile("vm-uefi"))
    with monkeypatch.context() as context:
        context.setattr("os.geteuid", lambda: 1000)
        with pytest.raises(HypervisorError, match="only root can make the disk of a whole system"):
            check(profile("vm-full"))
    monkeypatch.setattr(boot_loader, "_MODULES", tmp_path)
    with pytest.raises(HypervisorError, match="GRUB for i386-pc is missing"):
        check(profile("vm-full"))


def test_systems_are_listed_and_pruned(tmp_path, capsys) -> None:
    own = State(data=tmp_path, run=tmp_path / "run")
    (tmp_path / "systems/debian-1").mkdir(parents=True)
    (tmp_path / "systems/debian-1/disk").write_bytes(bytes(8192))
    (tmp_path / "systems/debian-2.tar.zst").write_bytes(bytes(4096))
    disks.run(SimpleNamespace(prune=False), own)
    assert [line.split()[1] for line in capsys.readouterr().out.splitlines()] == [
        str(path) for path in system.cached_systems(own)
    ]
    disks.run(SimpleNamespace(prune=True), own)
    assert system.cached_systems(own) == ()
