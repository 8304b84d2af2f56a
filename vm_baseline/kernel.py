"""The guest's kernel: the host's own, or the distribution's package unpacked without installing it."""

import hashlib
import os
import platform
import re
import shutil
import subprocess
from dataclasses import dataclass
from pathlib import Path

from tare.state import State
from vm_baseline import bzimage
from vm_baseline.cache import cached
from vm_baseline.errors import KernelError

ENVIRONMENT = "TAREBENCH_KERNEL"
_METAPACKAGES = ("linux-image-cloud-amd64", "linux-image-virtual")
_HINTS = {"dnf": "kernel-core", "zypper": "kernel-default", "pacman": "linux"}


@dataclass(frozen=True)
class Kernel:
    """A kernel ready to boot.

    Args:
        image: the uncompressed ELF vmlinux.
        modules: its module tree (as `/lib/modules/<release>`), or None when there is none.
        release: what `uname -r` prints in the guest.
        source: the file it was made from.
    """

    image: Path
    modules: Path | None
    release: str
    source: Path


def find_kernel(state: State, explicit: Path | None = None) -> Kernel:
    """The kernel asked for, or TAREBENCH_KERNEL, or the newest of the host, or the distribution's package.

    Args:
        state: where unpacked kernels are cached.
        explicit: a bzImage or vmlinux; its modules are looked for in `../lib/modules` and `/lib/modules`.

    Raises:
        KernelError: none was found, or the one asked for can't be used.
    """
    if platform.machine() != "x86_64":
        raise KernelError(f"guests are made for x86_64 only, and this host is {platform.machine()}")
    if chosen := explicit or os.environ.get(ENVIRONMENT):
        return _prepare(state, Path(chosen))
    for image in _installed(Path("/boot")):
        return _prepare(state, image)
    unpacked = cached(state.data / "kernels/package", _unpack_package)
    for image in _installed(unpacked / "boot"):
        return _prepare(state, image)
    raise KernelError("no guest kernel was found", "name one with --kernel FILE or run tools/setup")


def _installed(boot: Path) -> list[Path]:
    """Readable kernels with modules below the same root, newest first."""
    images = [
        image
        for image in boot.glob("vmlinuz-*")
        if os.access(image, os.R_OK) and _modules(image, image.name.removeprefix("vmlinuz-"))
    ]
    return sorted(images, key=_version, reverse=True)


def _version(image: Path) -> list[int]:
    return [int(number) for number in re.findall(r"\d+", image.name)]


def _modules(image: Path, release: str) -> Path | None:
    places = (image.absolute().parent.parent / "lib/modules", Path("/lib/modules"))
    return next((place / release for place in places if (place / release).is_dir()), None)


def _prepare(state: State, source: Path) -> Kernel:
    try:
        about = source.stat()
    except OSError as error:
        raise KernelError(
            f"can't read the kernel {source}: {error.strerror}", "name a readable one with --kernel FILE"
        ) from error
    identity = f"{source.absolute()} {about.st_size} {about.st_mtime_ns} {about.st_ino}"
    target = state.data / "kernels/vmlinux" / hashlib.sha256(identity.encode()).hexdigest()[:16]
    cache = cached(target, lambda product: _unpack_image(source, product))
    release = (cache / "release").read_text()
    return Kernel(cache / "vmlinux", _modules(source, release), release, source)


def _unpack_image(source: Path, product: Path) -> None:
    data = bzimage.read_image(source)
    image = bzimage.vmlinux(data)
    product.mkdir(mode=0o755)
    (product / "vmlinux").write_bytes(image)
    (product / "release").write_text(bzimage.release(data))


def _unpack_package(product: Path) -> None:
    if shutil.which("apt-get") is None or shutil.which("dpkg-deb") is None:
        tool, package = next(((t, p) for t, p in _HINTS.items() if shutil.which(t)), ("", "a kernel package"))
        raise KernelError(
            "the host has no guest kernel", f"install {package}" + (f" with {tool}" if tool else "")
        )
    product.mkdir(mode=0o755)
    _run(["apt-get", "download", "-q", *_kernel_packages()], product)
    for archive in product.glob("*.deb"):
        _run(["dpkg-deb", "-x", archive.name, "."], product)
        archive.unlink()
    if not (product / "lib").exists():
        (product / "lib").symlink_to("usr/lib")


def _kernel_packages() -> list[str]:
    """The packages, with image and modules, behind the distribution's metapackage for virtual machines."""
    for metapackage in _METAPACKAGES:
        listing = subprocess.run(
            ["apt-cache", "depends", "--recurse", "--important", metapackage],
            capture_output=True, text=True, check=False,
        ).stdout  # fmt: skip
        if found := re.findall(r"^(linux-(?:image|modules)-\d\S*)$", listing, re.MULTILINE):
            return sorted(set(found))
    raise KernelError(
        "apt knows no kernel package for virtual machines", "run apt-get update, or use --kernel FILE"
    )


def _run(command: list[str], directory: Path) -> None:
    done = subprocess.run(command, cwd=directory, capture_output=True, text=True, check=False)
    if done.returncode:
        message = (done.stderr.strip().splitlines() or ["no message"])[-1]
        raise KernelError(
            f"{' '.join(command[:2])} failed: {message}", "run apt-get update, or use --kernel FILE"
        )
