"""Reading Linux kernel images for arm64: plain, compressed by gzip, or a program for EFI that unpacks itself.

Source: Documentation/arch/arm64/booting.rst of the Linux kernel ("Call the kernel image") and
drivers/firmware/efi/libstub/zboot-header.S; the PE format for the architecture of the latter.
"""

import struct

from vm_baseline.bzimage import decompressed
from vm_baseline.errors import KernelError

_MAGIC, _MAGIC_AT = b"ARM\x64", 56
_GZIP = b"\x1f\x8b"
_ZBOOT, _ZBOOT_AT = b"zimg", 4
_PAYLOAD_AT = 8
_PE_AT, _PE, _PE_ARM64 = 60, b"PE\0\0", 0xAA64


def plain(data: bytes) -> bytes | None:
    """The plain image in a file, or None when it is no kernel for arm64.

    Raises:
        KernelError: its compression is unknown, or its payload damaged.
    """
    if data[_ZBOOT_AT:].startswith(_ZBOOT) and _is_for_arm64(data):
        offset, size = struct.unpack_from("<II", data, _PAYLOAD_AT)
        data = _unpacked(data[offset : offset + size])
    elif data.startswith(_GZIP):
        data = _unpacked(data)
    return data if data[_MAGIC_AT:].startswith(_MAGIC) else None


def _is_for_arm64(data: bytes) -> bool:
    (start,) = struct.unpack_from("<I", data.ljust(_PE_AT + 4, b"\0"), _PE_AT)
    header = data[start : start + 6]
    return header[:4] == _PE and header[4:] == struct.pack("<H", _PE_ARM64)


def _unpacked(data: bytes) -> bytes:
    if (image := decompressed(data)) is None:
        raise KernelError(
            f"the kernel's compression is unknown (it starts with {data[:6].hex()})", "name a plain image"
        )
    return image
