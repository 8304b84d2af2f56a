"""Virtual machines: each profile of the VM side is a subject."""

import functools
import platform
import shutil
import subprocess
import tempfile
import threading
import time
import zlib
from collections.abc import Iterable
from functools import cached_property
from ipaddress import IPv4Address
from pathlib import Path
from subprocess import CompletedProcess
from xml.etree import ElementTree

import vm_baseline
from bench import footprint
from bench.lab import Lab
from bench.subject import (
    Availability,
    Footprint,
    Image,
    Makeup,
    Prepared,
    RunSpec,
    SubjectError,
    Timeline,
)
from results import Kind
from tare.errors import TareError
from vm_baseline import Hypervisor, MachineSpec, Tap
from vm_baseline.disk import Format, build_disk
from vm_baseline.profile import Profile, Root, profiles

_PIECE = 1 << 20


class Arrivals:
    """Output as it arrives in the thread that reads the serial line, each piece with its time."""

    def __init__(self) -> None:
        self._data = bytearray()
        self._changed = threading.Condition()
        self._last = time.monotonic_ns()

    def add(self, piece: bytes) -> None:
        """A piece has arrived."""
        at = time.monotonic_ns()
        with self._changed:
            self._data += piece
            self._last = at
            self._changed.notify_all()

    def wait_for(self, mark: bytes, timeout: float) -> int:
        """Monotonic ns of the piece that completed `mark`. Raises: SubjectError after `timeout` seconds."""
        with self._changed:
            if not self._changed.wait_for(lambda: mark in self._data, timeout):
                raise SubjectError(
                    f"the guest did not print {mark.decode(errors='replace')!r} in {timeout:g} s"
                )
            return self._last


class VmInstance:
    """One machine that runs the payload once its guest is up."""

    def __init__(self, hypervisor: Hypervisor, spec: MachineSpec, prepared: vm_baseline.Prepared) -> None:
        self._address = spec.tap.address.ip if spec.tap else None
        self._arrivals = Arrivals()
        self.timeline = Timeline(started=time.monotonic_ns())
        self._machine = hypervisor.start(spec, prepared=prepared, output=self._arrivals.add)
        self.timeline.created = self._machine.created_ns
        self.wait_output = self._arrivals.wait_for

    def wait_ready(self, timeout: float) -> Timeline:
        """Wait for the first byte of the payload's output on the serial line."""
        self._machine.wait_ready(timeout)
        self.timeline.first_output = self._machine.wait_output(timeout)
        return self.timeline

    def wait(self, timeout: float) -> int:
        """Exit status of the payload, once QEMU has ended."""
        try:
            status = self._machine.wait(timeout)
        except subprocess.TimeoutExpired as error:
            raise SubjectError(f"the guest did not end in {timeout:g} s") from error
        self.timeline.exited = self._machine.exited_ns
        return status

    def exec(
        self, argv: tuple[str, ...], *, stdin: bytes | None = None, timeout: float | None = None
    ) -> CompletedProcess[bytes]:
        """Run a command through the guest's channel."""
        try:
            return self._machine.exec(argv, stdin=stdin, timeout=timeout)
        except subprocess.TimeoutExpired as error:
            raise SubjectError(f"{argv[0]} did not end in the guest in {timeout:g} s") from error

    def address(self) -> IPv4Address | None:
        """Its address on the bridge."""
        return self._address

    def footprint(self) -> Footprint:
        """Of QEMU; guest RAM is part of it."""
        if self._machine.pid is None:
            raise SubjectError("QEMU runs out of sight of this process", "use a connection on this host")
        return footprint.measure(self._machine.pid)

    def stop(self) -> None:
        """End QEMU at once."""
        self._machine.destroy()

    def remove(self) -> None:
        """Remove the domain and its files."""
        self._machine.remove()
        self.timeline.removed = self.timeline.removed or time.monotonic_ns()


class VirtualMachine:
    """One machine profile as a subject."""

    kind = Kind.VM

    def __init__(self, lab: Lab, profile: Profile) -> None:
        self.name = profile.name
        self._lab = lab
        self._profile = profile
        self._prepared: dict[MachineSpec, vm_baseline.Prepared] = {}

    @cached_property
    def accelerator(self) -> str:
        """What a real guest booted on here."""
        return vm_baseline.probe(self._lab.state).accelerator.value

    def availability(self) -> Availability:
        """A kernel, QEMU and libvirt are here and the connection opens."""
        try:
            self._lab.hypervisor  # noqa: B018 - opening it is the test
            accelerator = self.accelerator
            version = vm_baseline.qemu_version()
        except TareError as error:
            return Availability(False, str(error))
        return Availability(True, version=f"QEMU {version}, {accelerator}")

    def prepare(self, image: Image, *, fresh: bool = False) -> Prepared:
        """Make the initramfs or the disk."""
        if fresh:
            self._prepared.clear()
            vm_baseline.discard(self._lab.state, image.rootfs)
        prepared = Prepared(image, str(image.rootfs))
        self._share(self._spec(RunSpec(prepared, ("true",))))
        return prepared

    def _spec(self, spec: RunSpec) -> MachineSpec:
        network = self._lab.network if spec.network else None
        return MachineSpec(
            self._profile,
            Path(spec.prepared.reference),
            argv=spec.argv,
            memory=spec.memory,
            vcpus=spec.cpus,
            tap=Tap(network.link, network.address(), network.gateway) if network else None,
        )

    def _share(self, spec: MachineSpec) -> vm_baseline.Prepared:
        shared = self._prepared.get(spec)
        if shared is None or not _whole(shared):
            shared = self._prepared[spec] = self._lab.hypervisor.prepare(spec)
        return shared

    def start(self, spec: RunSpec) -> VmInstance:
        """Boot a machine for the payload."""
        machine = self._spec(spec)
        return VmInstance(self._lab.hypervisor, machine, self._share(machine))

    def sizes(self, image: Image) -> dict[str, int]:
        """Bytes allocated by the disk image in each format, and `boot`: kernel and initramfs."""
        with tempfile.TemporaryDirectory(prefix="tare-") as scratch:
            disks = {
                str(form): build_disk(image.rootfs, Path(scratch) / f"disk.{form}", form).allocated
                for form in Format
            }
        return {**disks, "boot": sum(size for _, size in self._boot_files(image))}

    def _boot_files(self, image: Image) -> list[tuple[str, int]]:
        shared = self._share(self._spec(RunSpec(Prepared(image, str(image.rootfs)), ("true",))))
        initramfs = sum(part.stat().st_size for part in shared.initramfs)
        return [("kernel", shared.kernel.image.stat().st_size), ("initramfs", initramfs)]

    def makeup(self, spec: RunSpec) -> Makeup:
        """The domain's description, and the files to move: kernel, initramfs and disk."""
        machine = self._spec(spec)
        shared = self._share(machine)
        scratch = self._lab.directory()
        try:
            root = ElementTree.fromstring(self._lab.hypervisor.describe(machine, scratch, "0").xml())
        finally:
            shutil.rmtree(scratch)
        ElementTree.indent(root)
        devices = tuple(
            _device(element) for element in root.iterfind("devices/*") if element.tag != "emulator"
        )
        artifacts = [("kernel", _shipped(shared.kernel.source))]
        artifacts += [(f"initramfs {part.name}", _shipped(part)) for part in shared.initramfs]
        couplings = [
            "guest kernel " + shared.kernel.release,
            f"QEMU machine type {self._profile.machine}",
            f"virtio drivers in the guest ({self._profile.bus.value})",
            f"instruction set {platform.machine()}",
        ]
        if self._profile.root is Root.DISK:
            assert shared.disk is not None
            artifacts.append(("disk", _shipped(shared.disk)))
            couplings += ["disk format raw or qcow2", "guest file system ext4"]
        text = ElementTree.tostring(root, encoding="unicode")
        return Makeup(text, tuple(couplings), devices, tuple(artifacts))


def _whole(shared: vm_baseline.Prepared) -> bool:
    """Whether its files are still there: another profile that prepares afresh discards what both share."""
    return all(path.exists() for path in (*shared.initramfs, *([shared.disk] if shared.disk else [])))


def _device(element: ElementTree.Element) -> str:
    return " ".join((element.tag, element.get("model") or element.get("type") or "")).strip()


@functools.cache
def _shipped(path: Path) -> int:
    """Bytes of a file compressed by gzip, as a container's layer is; a bzImage hardly shrinks any more."""
    packer = zlib.compressobj()
    with path.open("rb") as file:
        return sum(len(packer.compress(piece)) for piece in iter(lambda: file.read(_PIECE), b"")) + len(
            packer.flush()
        )


def subjects(lab: Lab) -> Iterable[VirtualMachine]:
    """Every profile of the VM side."""
    return [VirtualMachine(lab, profile) for profile in profiles().values()]
