"""Virtual machines: each profile of the VM side is a subject."""

import functools
import subprocess
import tempfile
import threading
import time
import zlib
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from functools import cached_property
from ipaddress import IPv4Address
from pathlib import Path
from subprocess import CompletedProcess
from xml.etree import ElementTree

import vm_baseline
from bench import footprint
from bench.elf import programs
from bench.lab import Lab
from bench.pinning import subjects_cpus, waiting
from bench.pulling import pulled_alone
from bench.subject import (
    Availability,
    Footprint,
    Image,
    Makeup,
    Prepared,
    RunSpec,
    SubjectError,
    Timeline,
    Unsupported,
)
from results import Kind
from runtime.rootfs import flatten
from runtime.storage.store import measure
from tare import environment
from tare.errors import TareError, UsageError
from vm_baseline import Hypervisor, MachineSpec, Tap, virtiofs
from vm_baseline.disk import DiskSpec, build_disk, compressed, describe
from vm_baseline.format import formats
from vm_baseline.place import new_place
from vm_baseline.prepared import check
from vm_baseline.profile import Origin, Profile, Root, profiles
from vm_baseline.saving import going_on
from vm_baseline.volume import Volume

_PIECE = 1 << 20
_WHOLE_SYSTEM = frozenset({"startup", "image-size"})
_SCENARIOS = {Origin.RESTORED: frozenset({"startup", "memory"}), Origin.POOLED: frozenset({"startup"})}


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
        with waiting(), self._changed:
            if not self._changed.wait_for(lambda: mark in self._data, timeout):
                raise SubjectError(
                    f"the guest did not print {mark.decode(errors='replace')!r} in {timeout:g} s"
                )
            return self._last


class VmInstance:
    """One machine that runs the payload once its guest is up."""

    def __init__(self, hypervisor: Hypervisor, spec: MachineSpec, prepared: vm_baseline.Prepared) -> None:
        self._address = spec.tap.address.ip if spec.tap else None
        self._least_limit = prepared.profile.ready_timeout if prepared.system else 0.0
        self._arrivals = Arrivals()
        self._times = Timeline(started=time.monotonic_ns())
        self._machine = hypervisor.start(spec, prepared=prepared, output=self._arrivals.add)
        self._times.created = self._machine.created_ns
        self.wait_output = self._arrivals.wait_for

    @property
    def timeline(self) -> Timeline:
        """With the parts of the machine's life that are over."""
        durations = self._machine.phases().durations_ns
        return replace(self._times, parts={point.value: ns / 1e9 for point, ns in durations.items()})

    def wait_ready(self, timeout: float) -> Timeline:
        """Wait for the first byte of the payload's output."""
        self._machine.wait_ready(max(timeout, self._least_limit))
        self._times.first_output = self._machine.wait_output(timeout)
        # One that waited in a pool may be heard before libvirt has said that it goes on.
        self._times.created = min(self._machine.created_ns, self._times.first_output)
        return self._times

    def wait(self, timeout: float) -> int:
        """Exit status of the payload, once QEMU has ended."""
        try:
            status = self._machine.wait(timeout)
        except subprocess.TimeoutExpired as error:
            raise SubjectError(f"the guest did not end in {timeout:g} s") from error
        self._times.exited = self._machine.exited_ns
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

    def pid(self) -> int:
        """Of QEMU, which is there before its guest."""
        if self._machine.pid is None:
            raise SubjectError("QEMU can't be seen from here")
        return self._machine.pid

    def footprint(self) -> Footprint:
        """Of QEMU and what serves its volumes; guest RAM is part of it."""
        found = self._machine.footprint()
        return Footprint(
            found.ram_pss + found.qemu_pss + found.virtiofsd_pss,
            footprint.cgroup_memory(self.pid()),
            found.cpu.total,
            {
                "guest-ram": found.ram_pss,
                "qemu": found.qemu_pss + found.virtiofsd_pss,
                "kernel": found.page_tables + (found.second_stage or 0),
            },
            found.disk_own,
        )

    def save(self, directory: Path) -> None:
        """Memory, devices and disk."""
        try:
            self._machine.save(directory)
        except UsageError as error:
            raise Unsupported(error.what, error.hint) from error

    def stop(self) -> None:
        """End QEMU at once."""
        self._machine.destroy()

    def remove(self) -> None:
        """Remove the domain and its files."""
        self._machine.remove()
        self._times.removed = self._times.removed or time.monotonic_ns()


class ResumedInstance(VmInstance):
    """One machine that goes on from what was saved; its payload runs already, and its output is not heard."""

    def wait_ready(self, timeout: float) -> Timeline:
        """Wait until the guest has answered and has been given the time."""
        self._times.first_output = self._machine.wait_ready(timeout)
        return self._times


class VirtualMachine:
    """One machine profile as a subject."""

    kind = Kind.VM

    def __init__(self, lab: Lab, profile: Profile) -> None:
        self.name = profile.name
        self.scenarios = _WHOLE_SYSTEM if profile.firmware else _SCENARIOS.get(profile.origin)
        self._lab = lab
        self._profile = profile
        self._prepared: dict[MachineSpec, vm_baseline.Prepared] = {}

    @cached_property
    def accelerator(self) -> str:
        """What a real guest booted on here."""
        return vm_baseline.probe(self._lab.state).accelerator.value

    def availability(self) -> Availability:
        """A kernel, QEMU and libvirt are here, what the profile needs besides, and the connection opens."""
        try:
            check(self._profile)
            self._lab.hypervisor  # noqa: B018 - opening it is the test
            accelerator = self.accelerator
            version = vm_baseline.qemu_version()
        except TareError as error:
            return Availability(False, str(error))
        return Availability(True, version=f"QEMU {version}, {accelerator}")

    def prepare(self, image: Image, *, fresh: bool = False) -> Prepared:
        """Make the initramfs or the disk."""
        if self._profile.root is not Root.DISK and measure(image.rootfs) > RunSpec.memory:
            raise Unsupported(
                f"the files of {image.name} don't fit into memory, where {self.name} has its root"
            )
        if fresh:
            self._prepared.clear()
            vm_baseline.discard(self._lab.state, image.rootfs)
        prepared = Prepared(image, str(image.rootfs))
        self._share(self._spec(RunSpec(prepared, ("true",))))
        return prepared

    @contextmanager
    def pulled(self, image: Image, reference: str) -> Iterator[Prepared]:
        """As `tarebox pull` and `tarevm build` do, into an empty state."""
        with pulled_alone(self._lab, reference, flatten) as (state, stored):
            fetched = replace(image, rootfs=flatten(state, stored), stored=stored)
            try:
                yield self.prepare(fetched, fresh=True)
            finally:
                self._prepared.clear()
                vm_baseline.discard(self._lab.state, fetched.rootfs)

    def _spec(self, spec: RunSpec) -> MachineSpec:
        if spec.cpus % 1:
            raise Unsupported("a machine has whole processors, and its driver here no control groups")
        volume = self._lab.volume(spec)
        network = self._lab.network if spec.network else None
        return MachineSpec(
            self._profile,
            Path(spec.prepared.reference),
            argv=spec.argv,
            memory=spec.memory,
            vcpus=int(spec.cpus),
            tap=Tap(network.link, network.address(), network.gateway) if network else None,
            env=environment.merged(spec.env, ()),
            user=spec.user,
            directory=spec.directory,
            volumes=(Volume(volume, spec.volume),) if volume else (),
            cpuset=subjects_cpus(),
        )

    def _share(self, spec: MachineSpec) -> vm_baseline.Prepared:
        shared = self._prepared.get(spec)
        if shared is None or not _whole(shared):
            shared = self._prepared[spec] = self._lab.hypervisor.prepare(spec)
        return shared

    def start(self, spec: RunSpec) -> VmInstance:
        """Boot a machine for the payload."""
        if spec.volume:
            self._check_volumes()
        machine = self._spec(spec)
        return VmInstance(self._lab.hypervisor, machine, self._share(machine))

    def resume(self, spec: RunSpec, directory: Path) -> ResumedInstance:
        """Start a machine that takes memory and devices from the files, and has its disk above that one."""
        machine = replace(self._spec(spec), argv=None)
        return ResumedInstance(self._lab.hypervisor, machine, going_on(self._share(machine), directory))

    def _check_volumes(self) -> None:
        try:
            virtiofs.check(vm_baseline.find_kernel(self._lab.state))
        except TareError as error:
            raise Unsupported(error.what, error.hint) from error

    def sizes(self, image: Image) -> dict[str, int]:
        """Bytes allocated by the disk image in each format, and by what boots it.

        That is `boot`, kernel and initramfs, or `system`, the disk with a whole one. `virtual` is what
        a guest sees of the disk, `base` what all machines of the image share.
        """
        with tempfile.TemporaryDirectory(prefix="tare-", dir=self._lab.scratch) as scratch:
            built = {
                form: build_disk(image.rootfs, Path(scratch) / f"disk.{form}", DiskSpec(form))
                for form in formats()
            }
            disks = {form: disk.allocated for form, disk in built.items()}
            disks["virtual"] = built["raw"].virtual
            disks["qcow2-compressed"] = compressed(built["raw"].path, Path(scratch) / "compressed").allocated
        shared = self._share(self._spec(RunSpec(Prepared(image, str(image.rootfs)), ("true",))))
        base = {"base": sum(path.stat().st_blocks * 512 for path in shared.files)}
        if shared.system is not None:
            return {**disks, **base, "system": shared.system.disk.stat().st_blocks * 512}
        boot = sum(part.stat().st_size for part in (shared.kernel.image, *shared.initramfs))
        return {**disks, **base, "boot": boot}

    def added(self, image: Image) -> int:
        """Its initramfs or disk: two images share nothing but the kernel."""
        second = self._lab.second(image).image
        first, another = (
            self._lab.hypervisor.prepare(self._spec(RunSpec(Prepared(each, str(each.rootfs)), ("true",))))
            for each in (image, second)
        )
        try:
            return sum(path.stat().st_blocks * 512 for path in {*another.files} - {*first.files})
        finally:
            vm_baseline.discard(self._lab.state, second.rootfs)

    def makeup(self, spec: RunSpec) -> Makeup:
        """The domain's description, and the files to move: kernel, initramfs and disk."""
        machine = self._spec(spec)
        shared = self._share(machine)
        place = new_place(self._lab.state, "vm")
        try:
            root = ElementTree.fromstring(self._lab.hypervisor.describe(machine, place, "0").xml())
        finally:
            place.remove()
        ElementTree.indent(root)
        devices = tuple(
            _device(element) for element in root.iterfind("devices/*") if element.tag != "emulator"
        )
        if shared.system is not None:
            artifacts = [("system disk", _shipped(shared.system.disk))]
        else:
            artifacts = [("kernel", _shipped(shared.kernel.source))]
        artifacts += [(f"initramfs {part.name}", _shipped(part)) for part in shared.initramfs]
        bound = programs(Path(spec.prepared.reference))
        system = root.find("os/type")
        assert system is not None
        couplings = {
            "kernel": f"its own, {shared.kernel.release}",
            "architecture": ", ".join(sorted({system.get("arch", ""), *bound.architectures})),
            "hypervisor": f"QEMU's machine {system.get('machine')}",
            "drivers": f"{', '.join(sorted(_buses(root)))} in the guest",
        }
        if self._profile.root is Root.DISK:
            assert shared.disk is not None
            artifacts.append(("disk", _shipped(shared.disk)))
            couplings["format"] = describe(shared.disk).format
            couplings["file system"] = shared.file_system
        text = ElementTree.tostring(root, encoding="unicode")
        return Makeup(text, couplings, devices, tuple(artifacts))


def _whole(shared: vm_baseline.Prepared) -> bool:
    """Whether its files are still there: another profile that prepares afresh discards what both share."""
    return all(path.exists() for path in shared.files)


def _buses(root: ElementTree.Element) -> set[str]:
    """What kinds of addresses its devices have: pci, virtio-mmio, ..."""
    return {address.get("type", "") for address in root.iterfind("devices/*/address")}


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
