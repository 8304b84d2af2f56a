"""A whole Debian on a disk, as people install it in a machine: kernel, initrd, systemd, ssh; and our agent.

It is made without mounting anything: mmdebstrap's archive of the root directory, the few files below, and
the boot loader. Archive and disk are kept by what they were made of. Sources: mmdebstrap(1), systemd.unit(5),
systemd.special(7), machine-id(5), GRUB's manual.
"""

import hashlib
import os
import tempfile
from dataclasses import dataclass
from pathlib import Path

from tare import apt
from tare.state import State
from vm_baseline import boot_loader
from vm_baseline.architecture import X86_64, host_name
from vm_baseline.cache import cached
from vm_baseline.debian import Packages
from vm_baseline.errors import HypervisorError
from vm_baseline.filesystems import ext4
from vm_baseline.guest_program import guest_program
from vm_baseline.kernel import METAPACKAGES, Kernel
from vm_baseline.tools import require, run

SIZE = 4 << 30
"""Bytes the guest sees; most are holes."""
IMAGE_DEVICE, _JOB_DEVICE = "/dev/vdb", "/dev/vdc"
"""In the order of the machine's slots, in which the driver finds them."""

_VARIANT = "important"
_PACKAGES = ("dbus", "initramfs-tools", "openssh-server", "systemd-sysv", "udev")
_BYTES_PER_INODE = 16 << 10
_PROGRAM = "usr/lib/tarebench/tare-guest"
_UNITS = "etc/systemd/system"


# The early console takes the kernel's first line, and nothing after `quiet`.
_COMMAND_LINE = (
    f"loglevel=6 {X86_64.early_console} root=LABEL={boot_loader.LABEL} ro console=tty0 console=ttyS0 quiet"
    " panic=-1 net.ifnames=0"
)
_FILES = {
    "boot/grub/grub.cfg": f"""\
set timeout=0
serial --unit=0 --speed=115200
terminal_input serial
terminal_output serial
menuentry "Debian" {{
    linux /vmlinuz {_COMMAND_LINE}
    initrd /initrd.img
}}
""",
    "etc/fstab": f"LABEL={boot_loader.LABEL} / ext4 errors=remount-ro 0 1\n",
    "etc/hostname": "debian\n",
    "etc/hosts": "127.0.0.1 localhost\n127.0.1.1 debian\n",
    # Our service's channel is there when it is, and not once udev has been through all devices.
    "etc/modules-load.d/tare-guest.conf": "virtio_console\n",
    # Empty, each start has an identity of its own, and is not a first boot with all that this entails.
    "etc/machine-id": "",
    f"{_UNITS}/tare-guest.service": f"""\
[Unit]
Description=Runs what the host asks for in the root of an image
After=multi-user.target

[Service]
ExecStart=/{_PROGRAM} {_JOB_DEVICE}
StandardOutput=tty
StandardError=tty
TTYPath=/dev/ttyS0
Delegate=yes
TasksMax=infinity
""",
}
_LINKS = {
    f"{_UNITS}/multi-user.target.wants/tare-guest.service": "../tare-guest.service",
    # It would hang up the line that our service says on that it is ready.
    f"{_UNITS}/serial-getty@ttyS0.service": "/dev/null",
}


@dataclass(frozen=True)
class System:
    """A disk with a whole system.

    Args:
        disk: the raw image, shared by instances.
        kernel: the one on it.
    """

    disk: Path
    kernel: Kernel


def system(state: State) -> System:
    """The disk, made first when it is not there yet, which takes a minute or two.

    Raises:
        HypervisorError: a tool is missing or fails, or packages can't be had.
    """
    check()
    program = guest_program(state, X86_64.name)
    archive = _archive(state)
    recipe = repr((archive.name, SIZE, _FILES, _LINKS, hashlib.sha256(program).hexdigest()))
    place = cached(
        state.data / "systems" / f"debian-{_digest(recipe)}", lambda product: _make(product, archive, program)
    )
    source = next(place.glob("vmlinuz-*"))
    return System(
        place / "disk", Kernel(source, None, source.name.removeprefix("vmlinuz-"), source, place.name)
    )


def check() -> None:
    """See that all is there to make it.

    Raises:
        HypervisorError: something is missing, or the host has guests of another architecture.
    """
    if host_name() != X86_64.name:
        raise HypervisorError(f"whole systems are made for {X86_64.name} only", "use the profile vm-q35")
    boot_loader.check()
    require("mmdebstrap", "mmdebstrap")
    require("zstd", "zstd")
    if os.geteuid() != 0:
        raise HypervisorError("only root can make the disk of a whole system", "use the profile vm-q35")


def cached_systems(state: State) -> tuple[Path, ...]:
    """What there is of them: directories with a disk each, and the archives they were made of."""
    return tuple(sorted((state.data / "systems").glob("debian-*")))


def _archive(state: State) -> Path:
    """The root directory as mmdebstrap packs it, from where the host's apt has its packages."""
    suite, sources = apt.suite(), apt.sources()
    recipe = repr((suite, _VARIANT, METAPACKAGES, _PACKAGES, [source.read_text() for source in sources]))

    def make(product: Path) -> None:
        packages = Packages(state, X86_64)
        kernels = [name.format(X86_64.debian) for name in METAPACKAGES]
        kernel = next(filter(packages.has, kernels), None)
        if kernel is None or not suite:
            raise HypervisorError("apt knows no kernel package for virtual machines", "run apt-get update")
        include = ",".join((kernel, *_PACKAGES))
        run(
            "mmdebstrap", f"--variant={_VARIANT}", f"--include={include}", suite, str(product),
            *map(str, sources), package="mmdebstrap",
        )  # fmt: skip

    return cached(state.data / "systems" / f"debian-{_digest(recipe)}.tar.zst", make)


def _make(product: Path, archive: Path, program: bytes) -> None:
    product.mkdir(mode=0o755)
    with tempfile.TemporaryDirectory(dir=product.parent) as name:
        root = Path(name)
        run("tar", "--zstd", "-xpf", str(archive), "--numeric-owner", "-C", name, package="tar")
        root.chmod(0o755)
        _furnish(root, program)
        part = boot_loader.write(product / "disk", SIZE)
        ext4.populate(
            root, product / "disk", part.size, part.size // _BYTES_PER_INODE,
            offset=part.offset, label=boot_loader.LABEL,
        )  # fmt: skip
        for image in (root / "boot").glob("vmlinuz-*"):
            image.rename(product / image.name)


def _furnish(root: Path, program: bytes) -> None:
    for name, text in _FILES.items():
        path = root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.unlink(missing_ok=True)
        path.write_text(text)
    for name, target in _LINKS.items():
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).symlink_to(target)
    agent = root / _PROGRAM
    agent.parent.mkdir()
    agent.write_bytes(program)
    agent.chmod(0o755)


def _digest(recipe: str) -> str:
    return hashlib.sha256(recipe.encode()).hexdigest()[:16]
