"""libvirt's description of a machine.

libvirt (from 9.0 on) takes QEMU's microvm with explicit virtio-mmio addresses, so both kinds of machine are
described natively; only machine properties it has no words for go through its `qemu:commandline` extension.
Source: https://libvirt.org/formatdomain.html and drvqemu.html, "Pass-through of arbitrary QEMU commands" and
"Control of QEMU capabilities".
"""

import json
from dataclasses import dataclass
from pathlib import Path
from xml.etree import ElementTree

from tare.ports import Published
from vm_baseline import forwarding, monitor
from vm_baseline.architecture import X86_64, Architecture
from vm_baseline.firmware import Uefi
from vm_baseline.profile import Bus, Profile
from vm_baseline.qga import PORT
from vm_baseline.spec import NO_OPTIONS, Accelerator, MemoryOptions
from vm_baseline.volume import Volume, tag

_QEMU = "http://libvirt.org/schemas/domain/qemu/1.0"
_FIRST_SLOT = 2
_MEMORY = "tareram"
_STATISTICS_SECONDS = "1"
_SLOW_CAPABILITY = "cpu-unavailable-features"
"""With it libvirt asks QEMU for each CPU feature alone (400 questions, 0.25 s), without for all at once."""


@dataclass(frozen=True)
class SystemFiles:
    """What the instance of a machine that boots from a disk has of its own.

    Args:
        disk: a qcow2 image, which the firmware boots.
        job: a raw image, the instance's job.
        uefi: the firmware, or None for BIOS.
        nvram: its variables, or None for BIOS.
    """

    disk: Path
    job: Path
    uefi: Uefi | None = None
    nvram: Path | None = None


@dataclass(frozen=True)
class Domain:
    """All that the description of one instance says.

    Args:
        name: the domain's, unique on the host.
        cpu: QEMU's CPU model.
        memory: bytes.
        serial: the socket QEMU connects its first serial port to.
        channel: the socket QEMU connects the agent's port to.
        kernel: the file QEMU loads itself, as it does `initrd` with the command line; None with firmware, and
            for a guest that goes on.
        disk: a qcow2 image, or None.
        bases: the raw images below the instance's that instances share; libvirt finds them by itself.
        system: of a machine that boots from a disk, and what it needs besides; or None.
        bridge: the bridge to attach a tap device to, or None.
        tap: the tap device's name.
        mtu: of the tap device, in bytes.
        architecture: of the guest.
        emulator: QEMU's program, or None for the one libvirt finds.
        memory_options: how the host keeps the guest's memory.
        volumes: directories of the host for the guest.
        user_network: an interface of QEMU's own network instead of a tap device.
        ports: of the host that lead into the guest through it; libvirt has words for them with passt only.
        guest_agent: the socket QEMU connects the port of its own guest agent to, or None.
        monitor: the socket QEMU connects a second monitor to, or None.
        memory_file: with the guest's memory; it writes into it, or with `goes_on` only reads it.
        goes_on: whether it waits for the state of a saved guest's devices.
        mac: the hardware address of its interface; empty to leave it to libvirt.
        cpuset: numbers of the host's processors that QEMU keeps to; none for all, whatever we are kept to.
    """

    name: str
    profile: Profile
    accelerator: Accelerator
    cpu: str
    memory: int
    vcpus: int
    kernel: Path | None
    initrd: Path | None
    cmdline: str
    serial: Path
    channel: Path
    disk: Path | None = None
    bases: tuple[Path, ...] = ()
    system: SystemFiles | None = None
    bridge: str | None = None
    tap: str | None = None
    mtu: int = 1500
    guest_agent: Path | None = None
    monitor: Path | None = None
    user_network: bool = False
    ports: tuple[Published, ...] = ()
    memory_options: MemoryOptions = NO_OPTIONS
    volumes: tuple[Volume, ...] = ()
    architecture: Architecture = X86_64
    emulator: Path | None = None
    memory_file: Path | None = None
    goes_on: bool = False
    mac: str = ""
    cpuset: frozenset[int] = frozenset()

    def xml(self) -> str:
        """The description as libvirt reads it."""
        ElementTree.register_namespace("qemu", _QEMU)
        root = ElementTree.Element("domain", type="kvm" if self.accelerator is Accelerator.KVM else "qemu")
        _add(root, "name", self.name)
        _add(root, "memory", str(self.memory), unit="b")
        self._add_backing(root)
        kept = {"cpuset": ",".join(map(str, sorted(self.cpuset)))} if self.cpuset else {}
        _add(root, "vcpu", str(self.vcpus), **kept)
        system = _add(root, "os")
        machine = self.architecture.machine(self.profile.machine)
        _add(system, "type", "hvm", arch=self.architecture.name, machine=machine)
        if self.kernel is not None:
            for tag, value in (("kernel", self.kernel), ("initrd", self.initrd), ("cmdline", self.cmdline)):
                _add(system, tag, str(value))
        if self.system is not None and self.system.uefi is not None:
            _add(system, "loader", str(self.system.uefi.code), readonly="yes", type="pflash")
            _add(system, "nvram", str(self.system.nvram))
        if self.architecture.has_acpi:
            _add(_add(root, "features"), "acpi")
        self._add_cpu(root)
        for event in ("on_poweroff", "on_reboot", "on_crash"):
            _add(root, event, "destroy")
        self._add_devices(_add(root, "devices"))
        if words := self._passed_through():
            commandline = ElementTree.SubElement(root, f"{{{_QEMU}}}commandline")
            for word in words:
                ElementTree.SubElement(commandline, f"{{{_QEMU}}}arg", value=word)
        capabilities = ElementTree.SubElement(root, f"{{{_QEMU}}}capabilities")
        ElementTree.SubElement(capabilities, f"{{{_QEMU}}}del", capability=_SLOW_CAPABILITY)
        return ElementTree.tostring(root, encoding="unicode")

    def _passed_through(self) -> list[str]:
        is_pcs = self.architecture.machine(self.profile.machine) == self.profile.machine
        options = self.profile.machine_options if is_pcs else ()
        words = ["-machine", ",".join(options)] if options else []
        if self.volumes and self.profile.bus is Bus.MMIO:
            words += ["-global", "virtio-mmio.force-legacy=false"]  # which virtiofsd refuses to serve
        if self.monitor is not None:
            words += ["-chardev", f"socket,id={monitor.ID},path={self.monitor}"]
            words += ["-mon", f"chardev={monitor.ID},mode=control"]
        if self.memory_file is not None:
            backend = {
                "qom-type": "memory-backend-file",
                "id": _MEMORY,
                "mem-path": str(self.memory_file),
                "size": self.memory,
                "share": not self.goes_on,
            }
            words += ["-object", json.dumps(backend), "-machine", f"memory-backend={_MEMORY}"]
        if self.goes_on:
            words += ["-incoming", "defer"]
        if self.guest_agent is not None:
            # libvirt would speak with the agent itself on a channel of that name which it knew of.
            port = {
                "driver": "virtserialport",
                "bus": "virtio-serial0.0",
                "nr": 2,
                "chardev": "tareqga",
                "name": PORT,
            }
            # As JSON, like libvirt's: QEMU makes those devices after all others, and the bus among them.
            words += ["-chardev", f"socket,id=tareqga,path={self.guest_agent}", "-device", json.dumps(port)]
        if self.ports:
            network, device = forwarding.options(self.ports, self.profile.bus)
            words += ["-netdev", json.dumps(network), "-device", json.dumps(device)]
        return words

    def _add_backing(self, root: ElementTree.Element) -> None:
        options = self.memory_options
        if options.huge_pages or not options.mergeable or self.volumes:
            backing = _add(root, "memoryBacking")
            if options.huge_pages:
                _add(backing, "hugepages")
            if not options.mergeable:
                _add(backing, "nosharepages")
            if self.volumes:  # whoever serves them reads and writes the guest's memory
                _add(backing, "source", type="memfd")
                _add(backing, "access", mode="shared")

    def _add_cpu(self, root: ElementTree.Element) -> None:
        if self.cpu == "host":
            _add(root, "cpu", mode="host-passthrough")
        elif self.cpu == "max":
            _add(root, "cpu", mode="maximum")
        else:
            _add(_add(root, "cpu", mode="custom", match="exact"), "model", self.cpu, fallback="forbid")

    def _disks(self) -> list[tuple[str, Path]]:
        """Format and file of each; the first is the one that firmware boots, where it does."""
        image = [("qcow2", self.disk)] if self.disk else []
        system = self.system
        return [("qcow2", system.disk), *image, ("raw", system.job)] if system else image

    def _add_devices(self, devices: ElementTree.Element) -> None:
        slots = iter(range(_FIRST_SLOT, 32))

        def place(device: ElementTree.Element) -> None:
            if self.profile.bus is Bus.MMIO:
                _add(device, "address", type="virtio-mmio")
            else:
                _add(device, "address", type="pci", domain="0", bus="0", slot=str(next(slots)), function="0")

        if self.emulator is not None:
            _add(devices, "emulator", str(self.emulator))
        _add(devices, "controller", type="usb", model="none")
        if self.profile.bus is Bus.PCI:
            _add(devices, "controller", type="pci", index="0", model="pcie-root")
        for letter, (form, path) in zip("abc", self._disks(), strict=False):
            disk = _add(devices, "disk", type="file", device="disk")
            _add(disk, "driver", name="qemu", type=form)
            _add(disk, "source", file=str(path))
            _add(disk, "target", dev=f"vd{letter}", bus="virtio")
            if form == "raw":
                _add(disk, "readonly")
            if path == (self.system and self.system.disk):
                _add(disk, "boot", order="1")
            place(disk)
        for number, volume in enumerate(self.volumes):
            shared = _add(devices, "filesystem", type="mount", accessmode="passthrough")
            _add(shared, "driver", type="virtiofs")
            _add(shared, "source", dir=str(volume.source))
            _add(shared, "target", dir=tag(number))
            place(shared)
        if self.bridge is not None:
            interface = _add(devices, "interface", type="bridge")
            _add(interface, "source", bridge=self.bridge)
            _add(interface, "target", dev=self.tap or "")
            _add(interface, "mtu", size=str(self.mtu))
            self._finish_interface(interface)
            place(interface)
        elif self.user_network and not self.ports:
            interface = _add(devices, "interface", type="user")
            self._finish_interface(interface)
            place(interface)
        place(_add(devices, "controller", type="virtio-serial", index="0"))
        serial = _add(devices, "serial", type="unix")
        _add(serial, "source", mode="connect", path=str(self.serial))
        _add(serial, "target", type=self.architecture.serial, port="0")
        channel = _add(devices, "channel", type="unix")
        _add(channel, "source", mode="connect", path=str(self.channel))
        _add(channel, "target", type="virtio", name="tare.agent")
        if not self.memory_options.has_device:
            _add(devices, "memballoon", model="none")
            return
        reporting = "on" if self.memory_options.free_page_reporting else "off"
        balloon = _add(devices, "memballoon", model="virtio", freePageReporting=reporting)
        if self.memory_options.balloon and self.profile.bus is Bus.PCI:  # libvirt finds no other's statistics
            _add(balloon, "stats", period=_STATISTICS_SECONDS)
        place(balloon)

    def _finish_interface(self, interface: ElementTree.Element) -> None:
        _add(interface, "model", type="virtio")
        if self.mac:
            _add(interface, "mac", address=self.mac)


def _add(
    parent: ElementTree.Element, tag: str, text: str | None = None, **attributes: str
) -> ElementTree.Element:
    element = ElementTree.SubElement(parent, tag, attributes)
    element.text = text
    return element
