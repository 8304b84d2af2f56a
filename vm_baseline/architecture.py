"""What differs between guests of one architecture and those of another; all else is the same code.

Sources: QEMU's docs/system/i386/microvm.rst, target-i386.rst and arm/virt.rst; for the models under TCG,
docs/system/arm/cpu-features.rst ("TCG VCPU Features": pointer authentication of `max` is slow to emulate).
"""

import platform
from collections.abc import Mapping
from dataclasses import dataclass, field

from tare.errors import UsageError


@dataclass(frozen=True)
class Architecture:
    """An architecture that guests can have.

    Args:
        name: as `uname -m` and libvirt say it.
        debian: the same in Debian's words.
        package: Debian's, with the emulator.
        console: the guest's name of its serial port, for the kernel's `console=`.
        early_console: the kernel's option for what it says before it knows that port.
        serial: libvirt's target type of that port.
        has_acpi: whether a kernel booted without firmware finds ACPI tables; else it has a device tree.
        models: QEMU's CPU models by its name of the accelerator; the first that boots a guest is taken.
        machines: QEMU's machine types that take the place of a PC's of the same shape.
        is_strongly_ordered: whether its programs expect stores to be seen in order, which an emulator on a
            host that promises less has to pay for.
        boot_options: for the kernel, to spare it devices it would look for in vain.
    """

    name: str
    debian: str
    package: str
    console: str
    early_console: str
    serial: str
    has_acpi: bool
    models: Mapping[str, tuple[str, ...]] = field(hash=False)
    machines: Mapping[str, str] = field(default_factory=dict, hash=False)
    is_strongly_ordered: bool = False
    boot_options: str = ""

    @property
    def qemu(self) -> str:
        """QEMU's program that has such guests."""
        return f"qemu-system-{self.name}"

    def machine(self, pc: str) -> str:
        """The machine type in place of a PC's."""
        return self.machines.get(pc, pc)


X86_64 = Architecture(
    name="x86_64",
    debian="amd64",
    package="qemu-system-x86",
    console="ttyS0",
    early_console="earlyprintk=ttyS0",
    serial="isa-serial",
    has_acpi=True,
    models={"kvm": ("host", "max", "qemu64"), "tcg": ("max", "qemu64")},
    is_strongly_ordered=True,
    boot_options="8250.nr_uarts=1",
)

AARCH64 = Architecture(
    name="aarch64",
    debian="arm64",
    package="qemu-system-arm",
    console="ttyAMA0",
    # Where QEMU's virt has it (hw/arm/virt.c); a mere `earlycon` is obeyed only after `quiet`.
    early_console="earlycon=pl011,0x9000000",
    serial="system-serial",
    has_acpi=False,
    models={"kvm": ("host", "max"), "tcg": ("cortex-a72", "max")},
    machines={"microvm": "virt", "q35": "virt"},
)

_ALL = {one.name: one for one in (X86_64, AARCH64)}


def architecture(name: str) -> Architecture:
    """The architecture of that name.

    Raises:
        UsageError: guests can't have it.
    """
    try:
        return _ALL[name]
    except KeyError:
        raise UsageError(
            f"there are no guests of the architecture {name}", f"choose one of {', '.join(_ALL)}"
        ) from None


def host_name() -> str:
    """The host's own architecture, whether guests can have it or not."""
    return platform.machine()
