"""What the instances of a machine share, built once and cached."""

from dataclasses import dataclass
from pathlib import Path

from tare.errors import ImageError, UsageError
from tare.state import State
from vm_baseline.accelerator import Proof, emulated, probe
from vm_baseline.disk import base_disk, cached_disk, fingerprint
from vm_baseline.errors import HypervisorError
from vm_baseline.initramfs import build_base, build_image, cached_image
from vm_baseline.kernel import Kernel, find_kernel
from vm_baseline.modules import resolve
from vm_baseline.profile import Profile, Root, profile
from vm_baseline.spec import Accelerator, MachineSpec

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
    """

    profile: Profile
    kernel: Kernel
    proof: Proof
    initramfs: tuple[Path, ...]
    disk: Path | None
    boot_modules: tuple[str, ...]
    agent_modules: tuple[str, ...]


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
    kernel = spec.kernel or find_kernel(state)
    proof = _proof(state, spec.accelerator, kernel)
    on_disk = kind.root is Root.DISK
    boot = [kind.bus.value] if spec.tap or on_disk else []
    boot += ["virtio_blk", "ext4"] if on_disk else []
    boot += ["virtio_net"] if spec.tap else []
    agent = [kind.bus.value, "virtio_console"]
    boot_modules = _names(kernel, boot)
    mark = fingerprint(spec.rootfs)
    parts = [build_base(state, kernel, [*boot, *agent])]
    if not on_disk:
        parts.append(build_image(state, spec.rootfs, mark))
        _check_memory(spec.memory, parts)
    return Prepared(
        profile=kind,
        kernel=kernel,
        proof=proof,
        initramfs=tuple(parts),
        disk=base_disk(state, spec.rootfs, mark) if on_disk else None,
        boot_modules=boot_modules,
        agent_modules=tuple(name for name in _names(kernel, agent) if name not in boot_modules),
    )


def discard(state: State, rootfs: Path) -> None:
    """Forget what was built from an image, so that `prepare` builds it anew.

    Raises:
        ImageError: the root directory is missing or unreadable.
    """
    mark = fingerprint(rootfs)
    for product in (cached_disk(state, mark), cached_image(state, mark)):
        product.unlink(missing_ok=True)


def _proof(state: State, asked: Accelerator | None, kernel: Kernel) -> Proof:
    if asked is Accelerator.TCG:
        return emulated("asked for")
    proof = probe(state, kernel)
    if asked is Accelerator.KVM and proof.accelerator is not Accelerator.KVM:
        raise HypervisorError(f"KVM doesn't work here: {proof.reason}", "use --accelerator tcg")
    return proof


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
