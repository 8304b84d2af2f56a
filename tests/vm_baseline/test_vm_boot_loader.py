"""A disk's boot loader is found, and reads its configuration from the root; test_vm_full.py has UEFI's."""

import subprocess
from pathlib import Path

import pytest

from vm_baseline import boot_loader
from vm_baseline.errors import HypervisorError
from vm_baseline.filesystems import ext4

SIZE = 64 << 20
CONFIGURATION = """\
set timeout=0
serial --unit=0
terminal_output serial
menuentry "what the test put there" { linux /nowhere }
"""


def make(directory: Path) -> Path:
    root, disk = directory / "root", directory / "disk"
    (root / "boot/grub").mkdir(parents=True)
    (root / "boot/grub/grub.cfg").write_text(CONFIGURATION)
    part = boot_loader.write(disk, SIZE)
    ext4.populate(root, disk, part.size, 256, offset=part.offset, label=boot_loader.LABEL)
    return disk


@pytest.fixture(scope="module")
def disk(tmp_path_factory) -> Path:
    return make(tmp_path_factory.mktemp("loader"))


def test_bios_boots_it(disk) -> None:
    command = [
        "qemu-system-x86_64", "-machine", "q35,accel=tcg", "-m", "64", "-nodefaults", "-display", "none",
        "-serial", "stdio", "-snapshot", "-drive", f"if=virtio,format=raw,file={disk}",
    ]  # fmt: skip
    said = b""
    with subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE) as qemu:
        assert qemu.stdout is not None
        try:
            while b"not found" not in said and (piece := qemu.stdout.read1()):
                said += piece
        finally:
            qemu.kill()
    assert b"Booting `what the test put there'" in said
    assert b"/nowhere' not found" in said


def test_it_has_the_same_bytes_each_time(disk, tmp_path) -> None:
    part = boot_loader.write(tmp_path / "disk", SIZE)
    assert part.offset + part.size < SIZE
    subprocess.run(["cmp", f"--bytes={part.offset}", disk, tmp_path / "disk"], check=True)


def test_what_is_missing_is_named(tmp_path, monkeypatch) -> None:
    monkeypatch.setattr(boot_loader, "_MODULES", tmp_path)
    with pytest.raises(HypervisorError, match="GRUB for i386-pc is missing.*grub-pc-bin"):
        boot_loader.check()
