"""vm-q35's machine, booted once and saved: every start goes on from there."""

from vm_baseline.profile import Bus, Origin, Profile, Root

PROFILE = Profile(name="vm-restored", machine="q35", bus=Bus.PCI, root=Root.DISK, origin=Origin.RESTORED)
