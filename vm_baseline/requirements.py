"""What a guest needs of its kernel, and whether a kernel has it, without booting it.

Asked in this order: the modules beside the kernel and its list of what is built in, the options it was
configured with, and at last its image, where a driver that is built in leaves its name. Only how it is
entered is always seen in the image.
Source: Documentation/kbuild/kbuild.rst of the Linux kernel ("modules.builtin"), init/Kconfig (IKCONFIG);
of Xen xen/include/public/elfnote.h and docs/misc/pvh.pandoc; QEMU's hw/i386/x86.c (`load_elfboot`).
"""

import mmap
import re
import struct
from collections.abc import Iterable, Mapping
from functools import lru_cache
from pathlib import Path

from vm_baseline.architecture import X86_64
from vm_baseline.errors import KernelError
from vm_baseline.kernel import Kernel
from vm_baseline.modules import built_in, has_module

_NEEDED = {
    "BLK_DEV_INITRD": b"noinitrd\0",
    "BINFMT_ELF": b"",
    "DEVTMPFS": b"devtmpfs\0",
    "PROC_FS": b"",
    "SYSFS": b"",
}
"""Options no guest is without, each with a string that only a kernel with it has, where there is one."""

_PVH = struct.pack("<III4s", 4, 8, 18, b"Xen\0")
"""The head of the note XEN_ELFNOTE_PHYS32_ENTRY, without which QEMU enters no uncompressed kernel."""
_CONSOLES = {"x86_64": "SERIAL_8250_CONSOLE", "aarch64": "SERIAL_AMBA_PL011_CONSOLE"}
_UNLIKE_THEIR_OPTIONS = {
    "ext4": "EXT4_FS",
    "erofs": "EROFS_FS",
    "overlay": "OVERLAY_FS",
    "virtiofs": "VIRTIO_FS",
}
_TRACES = {"virtio_pci": b"virtio-pci\0", "virtio_mmio": b"virtio-mmio\0", "overlay": b"overlayfs: "}
"""Of modules that call themselves otherwise, or whose name is too common."""

_HINT = "name another with --kernel FILE, such as the distribution's cloud one"


def loadable(kernel: Kernel, wanted: Iterable[str]) -> list[str]:
    """Those of the wanted modules that are to be loaded, as the kernel has the others built in.

    Raises:
        KernelError: it lacks one of them, or what every guest needs.
    """
    wanted = list(wanted)
    options = _read(kernel.config) if kernel.config else None
    missing = [name for name, trace in _needed(kernel) if not _is_set(kernel, options, name, trace)]
    missing += ["PVH"] if kernel.architecture == X86_64.name and not _has(kernel, _PVH) else []
    to_load: list[str] = []
    unloadable: list[str] = []
    for module in wanted:
        if kernel.modules and has_module(kernel.modules, module):
            to_load.append(module)
        elif not _is_built_in(kernel, options, module):
            is_module = options is not None and options.get(_option(module)) == "m"
            (unloadable if is_module else missing).append(_option(module))
    if missing:
        raise KernelError(f"the kernel {kernel.source} lacks {_listed(missing)}", _HINT)
    if unloadable:
        place = f"not in {kernel.modules}" if kernel.modules else "not beside it"
        raise KernelError(
            f"the kernel {kernel.source} has {_listed(unloadable)} as modules, which are {place}",
            f"put them into ../lib/modules/{kernel.release}, or name one that has them built in",
        )
    return to_load


def _needed(kernel: Kernel) -> list[tuple[str, bytes]]:
    console = _CONSOLES.get(kernel.architecture)
    return [*_NEEDED.items(), *([(console, b"")] if console else [])]


def _is_set(kernel: Kernel, options: Mapping[str, str] | None, name: str, trace: bytes) -> bool:
    return options.get(name) == "y" if options is not None else _has(kernel, trace)


def _is_built_in(kernel: Kernel, options: Mapping[str, str] | None, module: str) -> bool:
    listed = built_in(kernel.modules) if kernel.modules else None
    if listed is not None:
        return module in listed
    if options is not None:
        return options.get(_option(module)) == "y"
    return _has(kernel, _TRACES.get(module, f"{module}\0".encode()))


@lru_cache(maxsize=8)
def _read(config: Path) -> Mapping[str, str]:
    """The options without their CONFIG_ that are set to y or m."""
    return dict(re.findall(r"^CONFIG_(\w+)=([ym])$", config.read_text(errors="replace"), re.MULTILINE))


def _has(kernel: Kernel, trace: bytes) -> bool:
    with (
        kernel.image.open("rb") as file,
        mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) as image,
    ):
        return image.find(trace) >= 0


def _option(module: str) -> str:
    return _UNLIKE_THEIR_OPTIONS.get(module, module.upper())


def _listed(options: Iterable[str]) -> str:
    return ", ".join(f"CONFIG_{name}" for name in dict.fromkeys(options))
