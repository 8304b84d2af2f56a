"""The guest's first file system: its program and kernel modules, and where asked the image itself.

Three archives, one after the other, make an initramfs (buffer-format.rst of the Linux kernel): our own part
and the image, both cached, and the job of this one instance.
"""

import hashlib
import io
import os
import platform
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from ipaddress import IPv4Address, IPv4Interface, IPv6Address, IPv6Interface
from pathlib import Path

from tare.errors import ImageError
from tare.state import State
from vm_baseline import cpio
from vm_baseline.cache import cached
from vm_baseline.command import Command
from vm_baseline.frames import fields
from vm_baseline.guest_program import guest_program
from vm_baseline.kernel import Kernel
from vm_baseline.modules import resolve
from vm_baseline.volume import Volume, pairs

HOME = ".tare"
RDINIT = f"/{HOME}/init"
_READ_ONLY = ("erofs", "squashfs")


@dataclass(frozen=True)
class Job:
    """What one instance has to do.

    Args:
        nonce: the word its ready line starts with.
        boot_modules: modules to load before the root is mounted, in order.
        agent_modules: modules the agent needs besides, in order.
        disk: the device with the root file system, or empty when the initramfs is the root.
        file_system: its type; above one that can't be written the guest writes to memory.
        hostname: of the guest; empty to leave the kernel's.
        address: of eth0, or None without a network.
        gateway: the default route.
        address6: of eth0, or None without IPv6; likewise gateway6.
        resolv: the text of /etc/resolv.conf, or None to leave the image's.
        hosts: the text of /etc/hosts, or None to leave the image's.
        volumes: directories of the host.
        payload: or None.
        init: the program that takes process 1 over, or None.
        hold: never say ready, to try what happens then.
    """

    nonce: str
    boot_modules: Sequence[str] = ()
    agent_modules: Sequence[str] = ()
    disk: str = ""
    file_system: str = "ext4"
    hostname: str = ""
    address: IPv4Interface | None = None
    gateway: IPv4Address | None = None
    address6: IPv6Interface | None = None
    gateway6: IPv6Address | None = None
    resolv: str | None = None
    hosts: str | None = None
    volumes: Sequence[Volume] = ()
    payload: Command | None = None
    init: str | None = None
    hold: bool = False

    def archive(self) -> bytes:
        """The archive that puts this job into the guest."""
        return _packed([cpio.file(f"{HOME}/job", self.lines(), 0o600)])

    def lines(self, *more: tuple[str, str]) -> bytes:
        """The job as the guest's program reads it, with more of the kind; docs/vm-guest.md has its keys."""
        disk = (("root", self.disk), ("type", self.file_system)) if self.disk else ()
        texts = {
            "hostname": self.hostname or None,
            "address": self.address.with_prefixlen if self.address else None,
            "gateway": str(self.gateway) if self.gateway else None,
            "address6": self.address6.with_prefixlen if self.address6 else None,
            "gateway6": str(self.gateway6) if self.gateway6 else None,
            "resolv": self.resolv,
            "hosts": self.hosts,
            "init": self.init,
            "read_only": "1" if self.file_system in _READ_ONLY else None,
            "hold": "1" if self.hold else None,
        }
        return fields(
            ("nonce", self.nonce),
            *(("boot_module", name) for name in self.boot_modules),
            *(("agent_module", name) for name in self.agent_modules),
            *disk,
            *((key, text) for key, text in texts.items() if text is not None),
            *pairs(self.volumes),
            *(self.payload.pairs() if self.payload else ()),
            *more,
        )


def build_base(
    state: State, kernel: Kernel, wanted: Iterable[str], architecture: str = platform.machine()
) -> Path:
    """Our own part, cached: the guest's program and the wanted modules of that kernel.

    Raises:
        HypervisorError: the program can't be made.
        KernelError: a module is missing.
    """
    program = guest_program(state, architecture)
    modules = resolve(kernel.modules, wanted) if kernel.modules else []
    digest = hashlib.sha256(program)
    for _, image in modules:
        digest.update(image)

    def make(product: Path) -> None:
        entries = [
            *(cpio.directory(name) for name in ("dev", "proc", "sys", HOME, f"{HOME}/modules")),
            cpio.device("dev/console", 0o600, 5, 1),
            cpio.file(RDINIT.removeprefix("/"), program, 0o755),
            *(cpio.file(f"{HOME}/modules/{name}.ko", image) for name, image in modules),
        ]
        product.write_bytes(_packed(entries))

    return cached(state.data / "initramfs" / f"base-{digest.hexdigest()[:16]}", make)


def build_image(state: State, rootfs: Path, fingerprint: str) -> Path:
    """The image as an archive, cached by its fingerprint.

    Raises:
        ImageError: a file of it can't be read.
    """

    def make(product: Path) -> None:
        try:
            with product.open("wb") as out:
                cpio.write(cpio.tree(rootfs), out)
        except (OSError, OverflowError) as error:
            raise ImageError(f"can't pack the image {rootfs}: {error}") from error

    return cached(cached_image(state, fingerprint), make)


def cached_image(state: State, fingerprint: str) -> Path:
    """Where that archive is, or would be."""
    return state.data / "initramfs" / f"image-{fingerprint}"


def assemble(parts: Sequence[Path], job: Job, out: Path) -> None:
    """Write the initramfs of one instance; a later archive's files win over an earlier one's."""
    with out.open("wb") as whole:
        for part in parts:
            with part.open("rb") as source:
                os.sendfile(whole.fileno(), source.fileno(), 0, os.fstat(source.fileno()).st_size)
                whole.seek(0, os.SEEK_END)
        whole.write(job.archive())


def _packed(entries: Sequence[cpio.Entry]) -> bytes:
    out = io.BytesIO()
    cpio.write(entries, out)
    return out.getvalue()
