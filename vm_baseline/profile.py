"""What a virtual machine is made of, apart from its size; one file in `profiles/` each."""

import importlib
import pkgutil
from dataclasses import dataclass
from enum import Enum, StrEnum
from functools import cache

from tare.errors import UsageError


class Bus(Enum):
    """How virtio devices are attached."""

    MMIO = "virtio_mmio"
    PCI = "virtio_pci"


class Root(StrEnum):
    """Where the guest's root file system is."""

    INITRAMFS = "initramfs"
    DISK = "disk"


class Firmware(StrEnum):
    """What starts a machine whose kernel QEMU doesn't load itself."""

    BIOS = "bios"
    UEFI = "uefi"


class Origin(StrEnum):
    """How a machine comes to life."""

    BOOTED = "booted"
    RESTORED = "restored"
    """It goes on from where a guest was saved that was booted once."""
    POOLED = "pooled"
    """It was restored before it is asked for, and waits paused."""


@dataclass(frozen=True)
class Profile:
    """One kind of virtual machine.

    Args:
        name: what a person calls it.
        machine: QEMU's machine type, as in libvirt's `<type machine=…>`.
        bus: of all devices; its value is the kernel module that drives it.
        root: of the guest.
        machine_options: properties of the machine that libvirt has no words for (`-machine help`).
        firmware: of a machine that boots a whole system from a disk of its own, with the image on a second
            one; None to have QEMU load the kernel.
        origin: how it comes to life.
        ready_timeout: seconds within which it is ready on a host that emulates it and is busy.
    """

    name: str
    machine: str
    bus: Bus
    root: Root
    machine_options: tuple[str, ...] = ()
    firmware: Firmware | None = None
    origin: Origin = Origin.BOOTED
    ready_timeout: float = 60.0


@cache
def profiles() -> dict[str, Profile]:
    """All profiles by name; a module in `vm_baseline.profiles` with a PROFILE is one."""
    package = importlib.import_module("vm_baseline.profiles")

    modules = (
        importlib.import_module(f"{package.__name__}.{m.name}")
        for m in pkgutil.iter_modules(package.__path__)
    )
    return {module.PROFILE.name: module.PROFILE for module in modules}


def profile(name: str) -> Profile:
    """The profile of that name.

    Raises:
        UsageError: there is none.
    """
    try:
        return profiles()[name]
    except KeyError:
        raise UsageError(
            f"there is no profile {name}", f"choose one of {', '.join(sorted(profiles()))}"
        ) from None
