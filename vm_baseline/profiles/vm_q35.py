"""A usual PC of today (Q35 chipset) with direct kernel boot and the image on a virtio disk."""

from vm_baseline.profile import Bus, Profile, Root

PROFILE = Profile(name="vm-q35", machine="q35", bus=Bus.PCI, root=Root.DISK)
