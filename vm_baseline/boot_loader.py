"""A disk that BIOS and UEFI both boot: a GPT, GRUB for either, and room for a root file system.

BIOS runs the disk's first sector, which loads GRUB from a partition of its own; UEFI runs a file of the EFI
system partition. GRUB's images carry the modules they need and find the root by its label.
Sources: GRUB's manual, "BIOS installation"; its boot/i386/pc/boot.S and diskboot.S, whose fields are filled
in here as util/setup.c does; UEFI specification, "Removable Media Boot Behavior"; sfdisk(8); mtools(1).
"""

import struct
import tempfile
from dataclasses import dataclass
from pathlib import Path

from vm_baseline.errors import HypervisorError
from vm_baseline.tools import require, run

LABEL = "tare-system"
_MODULES = Path("/usr/lib/grub")
_SECTOR = 512
_MIB = 1 << 20
_BOOT_CODE = 440
_KERNEL_SECTOR = 0x5C
_FIRST_BLOCK = _SECTOR - 12
_CORE, _ESP, _ROOT = _MIB, 2 * _MIB, 18 * _MIB
_END = _MIB
_UUID = "7A1D2C5E-0B9F-4E36-9C43-54E1F0B6A50"
_TABLE = f"""\
label: gpt
label-id: {_UUID}0
start={{core}}, size={{core_size}}, type=21686148-6449-6E6F-744E-656564454649, uuid={_UUID}1
start={{esp}}, size={{esp_size}}, type=C12A7328-F81F-11D2-BA4B-00A0C93EC93B, uuid={_UUID}2
start={{root}}, size={{root_size}}, type=4F68BCE3-E8CD-4DB1-96E7-FBCAF984B709, uuid={_UUID}3
"""
_EARLY = f"""\
search --no-floppy --label --set=root {LABEL}
set prefix=($root)/boot/grub
"""
_USUAL = ("part_gpt", "ext2", "search", "search_label", "normal", "linux", "serial", "terminal")


@dataclass(frozen=True)
class Part:
    """Where the root file system goes: bytes from the disk's start, and how many."""

    offset: int
    size: int


def check() -> None:
    """See that all is there to make such a disk.

    Raises:
        HypervisorError: something is missing.
    """
    for kind, package in (("i386-pc", "grub-pc-bin"), ("x86_64-efi", "grub-efi-amd64-bin")):
        if not (_MODULES / kind / "kernel.img").is_file():
            raise HypervisorError(
                f"GRUB for {kind} is missing", f"install the package {package} or run tools/setup"
            )
    require("grub-mkimage", "grub-common")
    require("sfdisk", "fdisk")
    require("mformat", "mtools")


def write(disk: Path, size: int) -> Part:
    """Make a disk image that loads GRUB, which then reads `/boot/grub/grub.cfg` of the root file system.

    Args:
        disk: the file to make; all but the boot loader is holes.
        size: bytes of the whole.

    Raises:
        HypervisorError: a tool is missing or fails.
    """
    with disk.open("wb") as file:
        file.truncate(size)
    part = Part(_ROOT, size - _ROOT - _END)
    table = _TABLE.format(
        core=_CORE // _SECTOR,
        core_size=(_ESP - _CORE) // _SECTOR,
        esp=_ESP // _SECTOR,
        esp_size=(_ROOT - _ESP) // _SECTOR,
        root=_ROOT // _SECTOR,
        root_size=part.size // _SECTOR,
    )
    run("sfdisk", "-q", str(disk), package="fdisk", given=table)
    with tempfile.TemporaryDirectory(prefix="tare-") as scratch:
        _install_bios(disk, Path(scratch))
        _install_uefi(disk, Path(scratch))
    return part


def _install_bios(disk: Path, scratch: Path) -> None:
    boot = bytearray((_MODULES / "i386-pc/boot.img").read_bytes())
    core = bytearray(_image("i386-pc", scratch, "biosdisk").read_bytes())
    if len(core) > _ESP - _CORE:
        raise HypervisorError(f"GRUB's image of {len(core)} bytes doesn't fit into its partition")
    struct.pack_into("<Q", boot, _KERNEL_SECTOR, _CORE // _SECTOR)
    struct.pack_into("<Q", core, _FIRST_BLOCK, _CORE // _SECTOR + 1)
    with disk.open("r+b") as file:
        file.write(boot[:_BOOT_CODE])
        file.seek(_CORE)
        file.write(core)


def _install_uefi(disk: Path, scratch: Path) -> None:
    program = _image("x86_64-efi", scratch, "fat")
    esp = f"{disk}@@{_ESP}"
    sectors = (_ROOT - _ESP) // _SECTOR
    fixed = {"SOURCE_DATE_EPOCH": "1"}
    run("mformat", "-i", esp, "-T", str(sectors), "-N", "7461", "-v", "ESP", "::",
        package="mtools", environment=fixed)  # fmt: skip
    run("mmd", "-i", esp, "::/EFI", "::/EFI/BOOT", package="mtools", environment=fixed)
    run("mcopy", "-i", esp, str(program), "::/EFI/BOOT/BOOTX64.EFI", package="mtools", environment=fixed)


def _image(kind: str, scratch: Path, *modules: str) -> Path:
    early, image = scratch / "early.cfg", scratch / kind
    early.write_text(_EARLY)
    run("grub-mkimage", "-O", kind, "-p", "/boot/grub", "-c", str(early), "-o", str(image), *modules, *_USUAL,
        package="grub-common")  # fmt: skip
    return image
