"""The virtual machine side: the same root file system booted by QEMU through libvirt."""

from vm_baseline.accelerator import Proof, Threads, probe
from vm_baseline.clean import clean
from vm_baseline.doctor import doctor
from vm_baseline.footprint import Cpu, Footprint
from vm_baseline.hypervisor import Hypervisor
from vm_baseline.kernel import Kernel, find_kernel
from vm_baseline.kvm import Kvm
from vm_baseline.machine import Machine
from vm_baseline.prepared import Prepared, discard
from vm_baseline.probing import qemu_version
from vm_baseline.profile import Profile
from vm_baseline.spec import Accelerator, MachineSpec, MemoryOptions, Tap

__all__ = [
    "Accelerator",
    "Cpu",
    "Footprint",
    "Hypervisor",
    "Kernel",
    "Kvm",
    "Machine",
    "MachineSpec",
    "MemoryOptions",
    "Prepared",
    "Profile",
    "Proof",
    "Tap",
    "Threads",
    "clean",
    "discard",
    "doctor",
    "find_kernel",
    "probe",
    "qemu_version",
]
