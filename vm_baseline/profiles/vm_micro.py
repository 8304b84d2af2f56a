"""QEMU's microvm: no PCI, no firmware to speak of, the image as an initramfs."""

from vm_baseline.profile import Bus, Profile, Root

PROFILE = Profile(
    name="vm-micro",
    machine="microvm",
    bus=Bus.MMIO,
    root=Root.INITRAMFS,
    machine_options=("acpi=on", "x-option-roms=off"),
)
