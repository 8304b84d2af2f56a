"""vm-restored's machines, restored ahead of time: a start takes a paused one."""

from vm_baseline.profile import Bus, Origin, Profile, Root

PROFILE = Profile(name="vm-pool", machine="q35", bus=Bus.PCI, root=Root.DISK, origin=Origin.POOLED)
