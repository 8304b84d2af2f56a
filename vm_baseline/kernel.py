"""The guest's kernel: the host's own, or the distribution's package unpacked without installing it."""

import hashlib
import os
import re
import shutil
from dataclasses import dataclass
from pathlib import Path

from tare.state import State
from vm_baseline import architecture as architectures
from vm_baseline import arm64_image, bzimage
from vm_baseline.architecture import AARCH64, X86_64, Architecture, host_name
from vm_baseline.cache import cached
from vm_baseline.debian import Packages
from vm_baseline.errors import KernelError

ENVIRONMENT = "TAREBENCH_KERNEL"
METAPACKAGES = ("linux-image-cloud-{}", "linux-image-virtual")
"""The distributions' kernels for virtual machines, by Debian's name of the architecture."""
_HINTS = {"dnf": "kernel-core", "zypper": "kernel-default", "pacman": "linux"}


@dataclass(frozen=True)
class Kernel:
    """A kernel ready to boot.

    Args:
        image: the uncompressed ELF vmlinux, or for aarch64 the plain Image.
        modules: its module tree (as `/lib/modules/<release>`), or None when there is none.
        release: what `uname -r` prints in the guest.
        source: the file it was made from.
        digest: of the image or of what it is made from, the same wherever it is kept.
        architecture: of the guests that can boot it (`uname -m`).
        config: the options it was configured with, or None when it doesn't tell them.
    """

    image: Path
    modules: Path | None
    release: str
    source: Path
    digest: str
    architecture: str = X86_64.name
    config: Path | None = None


def find_kernel(state: State, explicit: Path | None = None, architecture: str = host_name()) -> Kernel:
    """The kernel asked for, or TAREBENCH_KERNEL, or the newest of the host, or the distribution's package.

    Args:
        state: where unpacked kernels are cached.
        explicit: a bzImage, a vmlinux or an arm64 Image, of whatever architecture; its modules are looked for
            in `../lib/modules` and `/lib/modules`.
        architecture: of the guest; only the distribution's package can serve another than the host's.

    Raises:
        KernelError: none was found, or the one asked for can't be used.
    """
    guest = architectures.architecture(architecture)
    is_own = architecture == host_name()
    if chosen := explicit or (os.environ.get(ENVIRONMENT) if is_own else None):
        return _prepare(state, Path(chosen))
    for image in _installed(Path("/boot")) if is_own else ():
        return _prepare(state, image)
    unpacked = cached(
        state.data / "kernels" / f"package-{guest.name}",
        lambda product: _unpack_package(state, guest, product),
    )
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
    identity = f"{source.resolve()} {about.st_size} {about.st_mtime_ns} {about.st_ino}"
    target = state.data / "kernels/images" / hashlib.sha256(identity.encode()).hexdigest()[:16]
    cache = cached(target, lambda product: _unpack_image(source, product))
    release = (cache / "release").read_text()
    modules = _modules(source, release)
    configs = [source.with_name(f"config-{release}"), cache / "config"]
    configs += [modules / "config"] if modules else []
    return Kernel(
        cache / "kernel",
        modules,
        release,
        source,
        (cache / "digest").read_text(),
        (cache / "architecture").read_text(),
        next((config for config in configs if config.is_file()), None),
    )


def _unpack_image(source: Path, product: Path) -> None:
    data = bzimage.read(source)
    guest, image = AARCH64, arm64_image.plain(data)
    if image is None:
        guest, image = X86_64, bzimage.vmlinux(bzimage.checked(source, data))
    product.mkdir(mode=0o755)
    (product / "kernel").write_bytes(image)
    (product / "digest").write_text(hashlib.sha256(image).hexdigest())
    (product / "release").write_text(bzimage.release(data if guest is X86_64 else image))
    (product / "architecture").write_text(guest.name)
    if (config := bzimage.options(image)) is not None:
        (product / "config").write_bytes(config)


def _unpack_package(state: State, guest: Architecture, product: Path) -> None:
    if shutil.which("apt-get") is None or shutil.which("dpkg-deb") is None:
        tool, package = next(((t, p) for t, p in _HINTS.items() if shutil.which(t)), ("", "a kernel package"))
        raise KernelError(
            "the host has no guest kernel", f"install {package}" + (f" with {tool}" if tool else "")
        )
    packages = Packages(state, guest)
    product.mkdir(mode=0o755)
    packages.unpack(_kernel_packages(packages, guest), product)
    if not (product / "lib").exists():
        (product / "lib").symlink_to("usr/lib")


def _kernel_packages(packages: Packages, guest: Architecture) -> list[str]:
    """The packages, with image and modules, behind the distribution's metapackage for virtual machines."""
    for metapackage in METAPACKAGES:
        if found := packages.behind(metapackage.format(guest.debian), r"linux-(?:image|modules)-\d\S*"):
            return found
    raise KernelError(
        "apt knows no kernel package for virtual machines", "run apt-get update, or use --kernel FILE"
    )
