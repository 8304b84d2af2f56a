"""libvirt's description of a machine.

libvirt (from 9.0 on) takes QEMU's microvm with explicit virtio-mmio addresses, so both kinds of machine are
described natively; only machine properties it has no words for go through its `qemu:commandline` extension.
Source: https://libvirt.org/formatdomain.html and drvqemu.html, "Pass-through of arbitrary QEMU commands" and
"Control of QEMU capabilities".
"""

from dataclasses import dataclass
from pathlib import Path
from xml.etree import ElementTree

from vm_baseline.profile import Bus, Profile
from vm_baseline.spec import Accelerator

_QEMU = "http://libvirt.org/schemas/domain/qemu/1.0"
_FIRST_SLOT = 2
_SLOW_CAPABILITY = "cpu-unavailable-features"
"""With it libvirt asks QEMU for each CPU feature alone (400 questions, 0.25 s), without for all at once."""


@dataclass(frozen=True)
class Domain:
    """All that the description of one instance says.

    Args:
        name: the domain's, unique on the host.
        cpu: QEMU's CPU model.
        memory: bytes.
        serial: the socket QEMU connects its first serial port to.
        channel: the socket QEMU connects the agent's port to.
        disk: a qcow2 image, or None.
        bridge: the bridge to attach a tap device to, or None.
        tap: the tap device's name.
    """

    name: str
    profile: Profile
    accelerator: Accelerator
    cpu: str
    memory: int
    vcpus: int
    kernel: Path
    initrd: Path
    cmdline: str
    serial: Path
    channel: Path
    disk: Path | None = None
    bridge: str | None = None
    tap: str | None = None

    def xml(self) -> str:
        """The description as libvirt reads it."""
        ElementTree.register_namespace("qemu", _QEMU)
        root = ElementTree.Element("domain", type="kvm" if self.accelerator is Accelerator.KVM else "qemu")
        _add(root, "name", self.name)
        _add(root, "memory", str(self.memory), unit="b")
        _add(root, "vcpu", str(self.vcpus))
        system = _add(root, "os")
        _add(system, "type", "hvm", arch="x86_64", machine=self.profile.machine)
        for tag, value in (("kernel", self.kernel), ("initrd", self.initrd), ("cmdline", self.cmdline)):
            _add(system, tag, str(value))
        _add(_add(root, "features"), "acpi")
        self._add_cpu(root)
        for event in ("on_poweroff", "on_reboot", "on_crash"):
            _add(root, event, "destroy")
        self._add_devices(_add(root, "devices"))
        if self.profile.machine_options:
            commandline = ElementTree.SubElement(root, f"{{{_QEMU}}}commandline")
            for word in ("-machine", ",".join(self.profile.machine_options)):
                ElementTree.SubElement(commandline, f"{{{_QEMU}}}arg", value=word)
        capabilities = ElementTree.SubElement(root, f"{{{_QEMU}}}capabilities")
        ElementTree.SubElement(capabilities, f"{{{_QEMU}}}del", capability=_SLOW_CAPABILITY)
        return ElementTree.tostring(root, encoding="unicode")

    def _add_cpu(self, root: ElementTree.Element) -> None:
        if self.cpu == "host":
            _add(root, "cpu", mode="host-passthrough")
        elif self.cpu == "max":
            _add(root, "cpu", mode="maximum")
        else:
            _add(_add(root, "cpu", mode="custom", match="exact"), "model", self.cpu, fallback="forbid")

    def _add_devices(self, devices: ElementTree.Element) -> None:
        slots = iter(range(_FIRST_SLOT, 32))

        def place(device: ElementTree.Element) -> None:
            if self.profile.bus is Bus.MMIO:
                _add(device, "address", type="virtio-mmio")
            else:
                _add(device, "address", type="pci", domain="0", bus="0", slot=str(next(slots)), function="0")

        _add(devices, "controller", type="usb", model="none")
        if self.profile.bus is Bus.PCI:
            _add(devices, "controller", type="pci", index="0", model="pcie-root")
        if self.disk is not None:
            disk = _add(devices, "disk", type="file", device="disk")
            _add(disk, "driver", name="qemu", type="qcow2")
            _add(disk, "source", file=str(self.disk))
            _add(disk, "target", dev="vda", bus="virtio")
            place(disk)
        if self.bridge is not None:
            interface = _add(devices, "interface", type="bridge")
            _add(interface, "source", bridge=self.bridge)
            _add(interface, "target", dev=self.tap or "")
            _add(interface, "model", type="virtio")
            place(interface)
        place(_add(devices, "controller", type="virtio-serial", index="0"))
        serial = _add(devices, "serial", type="unix")
        _add(serial, "source", mode="connect", path=str(self.serial))
        _add(serial, "target", type="isa-serial", port="0")
        channel = _add(devices, "channel", type="unix")
        _add(channel, "source", mode="connect", path=str(self.channel))
        _add(channel, "target", type="virtio", name="tare.agent")
        _add(devices, "memballoon", model="none")


def _add(
    parent: ElementTree.Element, tag: str, text: str | None = None, **attributes: str
) -> ElementTree.Element:
    element = ElementTree.SubElement(parent, tag, attributes)
    element.text = text
    return element
