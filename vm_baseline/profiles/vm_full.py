"""What people mean by a machine: BIOS, boot loader and a whole Debian, with the image on a second disk."""

from vm_baseline.profile import Bus, Firmware, Profile, Root

PROFILE = Profile(
    name="vm-full",
    machine="q35",
    bus=Bus.PCI,
    root=Root.DISK,
    firmware=Firmware.BIOS,
    ready_timeout=600.0,
)
