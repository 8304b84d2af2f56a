"""Reading Linux kernel images: release, options, and the uncompressed vmlinux inside a bzImage.

Source: Documentation/arch/x86/boot.rst of the Linux kernel, section "The Real-Mode Kernel Header".
Out of scope: architectures other than x86, and LZO-compressed kernels.
"""

import bz2
import lzma
import re
import shutil
import struct
import subprocess
import tempfile
import zlib
from collections.abc import Callable
from pathlib import Path

from vm_baseline.errors import KernelError

ELF_MAGIC = b"\x7fELF"
_HEADER_MAGIC = slice(0x202, 0x206)
_SETUP_SECTORS = 0x1F1
_VERSION_POINTER = 0x20E
_PAYLOAD_OFFSET = 0x248
_HEADER_SIZE = 0x250
_SIZE_SUFFIX = 4
_ELF_HEADER = struct.Struct("<4s36xQ10xHH2x")
_AGAIN = "install the kernel's package again"
_OPTIONS = b"IKCFG_ST"
"""Before them, packed by gzip; see kernel/configs.c."""


def read(path: Path) -> bytes:
    """The bytes of a file that should be a kernel.

    Raises:
        KernelError: the file is missing or unreadable.
    """
    try:
        return path.read_bytes()
    except OSError as error:
        raise KernelError(
            f"can't read the kernel {path}: {error.strerror}", "name a readable one with --kernel FILE"
        ) from error


def checked(path: Path, data: bytes) -> bytes:
    """The bytes, when they are a kernel image for x86.

    Raises:
        KernelError: they are neither a bzImage nor an ELF vmlinux.
    """
    if len(data) < _HEADER_SIZE or (data[:4] != ELF_MAGIC and data[_HEADER_MAGIC] != b"HdrS"):
        raise KernelError(f"{path} is not a Linux kernel for x86", "name a bzImage or a vmlinux")
    return data


def release(data: bytes) -> str:
    """The kernel release (what `uname -r` prints) of a bzImage or plain kernel; `unknown` if it has none."""
    if data[_HEADER_MAGIC] != b"HdrS":
        match = re.search(rb"Linux version (\S+) ", data)
    else:
        start = struct.unpack_from("<H", data, _VERSION_POINTER)[0] + 0x200
        match = re.match(rb"([^\0 ]+)", data[start : start + 128])
    return match[1].decode("ascii", "replace") if match else "unknown"


def vmlinux(data: bytes) -> bytes:
    """The uncompressed ELF kernel inside a bzImage; an ELF kernel is given back as it is.

    Raises:
        KernelError: the compression is unknown, its tool is missing, or the payload is damaged.
    """
    if data[:4] == ELF_MAGIC:
        return data
    offset, length = struct.unpack_from("<II", data, _PAYLOAD_OFFSET)
    start = (data[_SETUP_SECTORS] + 1) * 512 + offset
    payload = data[start : start + length - _SIZE_SUFFIX]
    image = decompressed(payload)
    if image is None:
        raise KernelError(
            f"the kernel's compression is unknown (it starts with {payload[:6].hex()})", "name a vmlinux"
        )
    if image[:4] != ELF_MAGIC:
        raise KernelError("the kernel's compressed part holds no ELF image", "name another kernel")
    return image


def options(image: bytes) -> bytes | None:
    """The text of the options an uncompressed kernel was configured with (IKCONFIG), where it carries it."""
    _, found, packed = image.partition(_OPTIONS)
    if not found:
        return None
    try:
        return zlib.decompressobj(wbits=31).decompress(packed)
    except zlib.error:
        return None


def decompressed(data: bytes) -> bytes | None:
    """What compressed data holds, or None when it is compressed in none of the kernel's ways.

    Raises:
        KernelError: it is damaged, or its tool is missing.
    """
    return next((unpack(data) for magic, unpack in _DECOMPRESSORS.items() if data.startswith(magic)), None)


def decompress_module(path: Path) -> bytes:
    """The plain ELF bytes of a module, whatever its suffix (.ko, .ko.gz, .ko.xz, .ko.zst).

    Raises:
        KernelError: the module can't be read or unpacked, or isn't whole.
    """
    try:
        data = path.read_bytes()
    except OSError as error:
        raise KernelError(f"can't read the kernel module {path}: {error.strerror}") from error
    try:
        image = data if data.startswith(ELF_MAGIC) else decompressed(data)
    except KernelError as error:
        raise KernelError(f"can't unpack the kernel module {path}: {error.what}", _AGAIN) from error
    if image is None:
        raise KernelError(f"the kernel module {path} is compressed in an unknown way")
    if not _is_whole(image):
        raise KernelError(f"the kernel module {path} is damaged", _AGAIN)
    return image


def _is_whole(image: bytes) -> bool:
    """Whether an ELF file has its section headers (elf(5)), which in a module come last."""
    if len(image) < _ELF_HEADER.size:
        return False
    magic, start, size, count = _ELF_HEADER.unpack_from(image)
    return bool(magic == ELF_MAGIC and start + size * count <= len(image))


def _gzip(payload: bytes) -> bytes:
    try:
        return zlib.decompressobj(wbits=31).decompress(payload)
    except zlib.error as error:
        raise KernelError(f"the kernel's gzip part is damaged: {error}", "name another kernel") from error


def _lzma(payload: bytes) -> bytes:
    try:
        return lzma.LZMADecompressor().decompress(payload)
    except lzma.LZMAError as error:
        raise KernelError(f"the kernel's xz part is damaged: {error}", "name another kernel") from error


def _bzip2(payload: bytes) -> bytes:
    try:
        return bz2.BZ2Decompressor().decompress(payload)
    except (OSError, ValueError) as error:
        raise KernelError(f"the kernel's bzip2 part is damaged: {error}", "name another kernel") from error


def _zstd(payload: bytes) -> bytes:
    import zstandard

    try:
        return zstandard.ZstdDecompressor().decompressobj().decompress(payload)
    except zstandard.ZstdError as error:
        raise KernelError(f"the kernel's zstd part is damaged: {error}", "name another kernel") from error


def _tool(name: str) -> Callable[[bytes], bytes]:
    def run(payload: bytes) -> bytes:
        if shutil.which(name) is None:
            raise KernelError(
                f"the kernel is compressed with {name}, which is not installed", f"install {name}"
            )
        # A pipe's pieces would be joined, which takes the memory twice.
        with tempfile.TemporaryFile() as unpacked:
            command = [name, "-dcq"]
            done = subprocess.run(
                command, input=payload, stdout=unpacked, stderr=subprocess.PIPE, check=False
            )
            if done.returncode:
                message = done.stderr.decode(errors="replace").strip()
                raise KernelError(f"{name} can't unpack the kernel: {message}", "name another kernel")
            unpacked.seek(0)
            return unpacked.read()

    return run


_DECOMPRESSORS: dict[bytes, Callable[[bytes], bytes]] = {
    b"\x1f\x8b": _gzip,
    b"\xfd7zXZ\0": _lzma,
    b"\x5d\0\0": _lzma,
    b"BZh": _bzip2,
    b"\x28\xb5\x2f\xfd": _zstd,
    b"\x02\x21\x4c\x18": _tool("lz4"),
}
