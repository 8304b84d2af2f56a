"""What the instances of a machine share, built once and cached."""

import shutil
from dataclasses import dataclass
from pathlib import Path

from tare.errors import ImageError, UsageError
from tare.state import State
from vm_baseline import system as systems
from vm_baseline import volume
from vm_baseline.accelerator import Proof, choose
from vm_baseline.architecture import X86_64, host_name
from vm_baseline.disk import DiskSpec, cached_disks, fingerprint, shared_disk
from vm_baseline.errors import KernelError
from vm_baseline.filesystem import filesystem
from vm_baseline.firmware import Uefi, find_uefi
from vm_baseline.initramfs import build_base, build_image, cached_image
from vm_baseline.kernel import Kernel, find_kernel
from vm_baseline.modules import resolve
from vm_baseline.profile import Firmware, Profile, Root, profile
from vm_baseline.requirements import loadable
from vm_baseline.spec import MachineSpec
from vm_baseline.system import System
from vm_baseline.template import Template, cached_templates

_KERNEL_NEEDS = 96 << 20


@dataclass(frozen=True)
class Prepared:
    """What the instances of a machine share.

    Args:
        profile: the kind of machine.
        kernel: to boot.
        proof: the accelerator.
        initramfs: archives to be joined.
        disk: the raw image below each instance's overlay, or None.
        boot_modules: to load before the root is mounted, in order.
        agent_modules: to load for the agent, in order.
        file_system: of the disk.
        system: a whole one on a disk of its own that boots instead of the kernel and initramfs, or None.
        uefi: the firmware that boots it, or None for BIOS.
        template: the saved guest that instances go on from, or None where they boot.
    """

    profile: Profile
    kernel: Kernel
    proof: Proof
    initramfs: tuple[Path, ...]
    disk: Path | None
    boot_modules: tuple[str, ...]
    agent_modules: tuple[str, ...]
    file_system: str = "ext4"
    system: System | None = None
    uefi: Uefi | None = None
    template: Template | None = None

    @property
    def bases(self) -> tuple[Path, ...]:
        """The raw images below an instance's."""
        return tuple(path for path in (self.system and self.system.disk, self.disk) if path)

    @property
    def files(self) -> tuple[Path, ...]:
        """All that instances need."""
        saved = () if self.template is None else (self.template.directory,)
        return (self.kernel.image, *self.initramfs, *self.bases, *saved)


def prepare(state: State, spec: MachineSpec) -> Prepared:
    """Build or find everything a machine needs apart from its own files.

    Raises:
        ImageError: the root directory is missing or unreadable.
        KernelError: there is no usable kernel.
        HypervisorError: a tool is missing, or the accelerator asked for doesn't work.
        UsageError: there is no such profile, or the memory can't hold the image as an initramfs.
    """
    kind = spec.profile if isinstance(spec.profile, Profile) else profile(spec.profile)
    if not spec.rootfs.is_dir():
        raise ImageError(
            f"the image {spec.rootfs} is not a directory", "name a root directory or import the image"
        )
    if kind.firmware is not None:
        return _prepare_system(state, kind, kind.firmware, spec)
    kernel = spec.kernel or find_kernel(state, architecture=spec.architecture or host_name())
    if spec.architecture not in ("", kernel.architecture):
        raise KernelError(
            f"the kernel {kernel.source} is for {kernel.architecture}, the guest {spec.architecture}",
            "name another with --kernel FILE",
        )
    on_disk = kind.root is Root.DISK
    has_network = spec.tap is not None or spec.user_network
    boot = [kind.bus.value] if has_network or on_disk or spec.volumes else []
    boot += ["virtio_blk", *filesystem(spec.filesystem).modules] if on_disk else []
    boot += ["virtio_net"] if has_network else []
    boot += [volume.MODULE] if spec.volumes else []
    agent = [kind.bus.value, "virtio_console"]
    agent += ["virtio_balloon"] if spec.memory_options.has_device else []
    boot, agent = loadable(kernel, boot), loadable(kernel, agent)
    proof = choose(state, spec.accelerator, kernel)
    boot_modules = _names(kernel, boot)
    mark = spec.content or fingerprint(spec.rootfs)
    parts = [build_base(state, kernel, [*boot, *agent], kernel.architecture)]
    if not on_disk:
        parts.append(build_image(state, spec.rootfs, mark))
        _check_memory(spec.memory, parts)
    return Prepared(
        profile=kind,
        kernel=kernel,
        proof=proof,
        initramfs=tuple(parts),
        disk=shared_disk(state, spec.rootfs, mark, DiskSpec(filesystem=spec.filesystem)) if on_disk else None,
        boot_modules=boot_modules,
        file_system=spec.filesystem,
        agent_modules=tuple(name for name in _names(kernel, agent) if name not in boot_modules),
    )


def check(kind: Profile) -> None:
    """See that this host has what such machines need besides QEMU, libvirt and a kernel.

    Raises:
        HypervisorError: something is missing.
    """
    if kind.firmware is not None:
        systems.check()
    if kind.firmware is Firmware.UEFI:
        find_uefi()


def _prepare_system(state: State, kind: Profile, firmware: Firmware, spec: MachineSpec) -> Prepared:
    """The kernel is the system's own; the accelerator was proven with the one that `find_kernel` finds."""
    if spec.kernel is not None or spec.init is not None:
        raise UsageError(
            f"{kind.name} boots the kernel and process 1 that are on its disk",
            "leave them away, or use the profile vm-q35",
        )
    if spec.architecture not in ("", X86_64.name):
        raise UsageError(f"{kind.name} is for {X86_64.name} only", "use the profile vm-q35")
    check(kind)
    proof = choose(state, spec.accelerator, find_kernel(state))
    system = systems.system(state)
    mark = spec.content or fingerprint(spec.rootfs)
    return Prepared(
        profile=kind,
        kernel=system.kernel,
        proof=proof,
        initramfs=(),
        disk=shared_disk(state, spec.rootfs, mark, DiskSpec(filesystem=filesystem(spec.filesystem).name)),
        boot_modules=(),
        agent_modules=(),
        file_system=spec.filesystem,
        system=system,
        uefi=find_uefi() if firmware is Firmware.UEFI else None,
    )


def discard(state: State, rootfs: Path) -> None:
    """Forget what was built from an image, so that `prepare` builds it anew.

    Raises:
        ImageError: the root directory is missing or unreadable.
    """
    mark = fingerprint(rootfs)
    for product in (*cached_disks(state, mark), cached_image(state, mark)):
        product.unlink(missing_ok=True)
    for directory in cached_templates(state, mark):
        shutil.rmtree(directory)


def _names(kernel: Kernel, wanted: list[str]) -> tuple[str, ...]:
    return tuple(name for name, _ in resolve(kernel.modules, wanted)) if kernel.modules else ()


def _check_memory(memory: int, parts: list[Path]) -> None:
    """An initramfs lies in memory twice while it is unpacked."""
    needed = _KERNEL_NEEDS + 2 * sum(part.stat().st_size for part in parts)
    if memory < needed:
        raise UsageError(
            f"the image does not fit as an initramfs into {memory >> 20} MiB of memory",
            f"give at least {-(-needed >> 20)} MiB or use the profile vm-q35",
        )
