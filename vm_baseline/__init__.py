"""The virtual machine side: the same root file system booted by QEMU through libvirt."""

from vm_baseline.hypervisor import Hypervisor, Prepared
from vm_baseline.machine import Machine
from vm_baseline.spec import Accelerator, MachineSpec, Tap

__all__ = ["Accelerator", "Hypervisor", "Machine", "MachineSpec", "Prepared", "Tap"]
