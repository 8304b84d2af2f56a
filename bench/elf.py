"""What the programs of an image are bound to, by their headers; elf(5) and the System V ABI."""

import os
import stat
import struct
from dataclasses import dataclass
from pathlib import Path

_MACHINES = {3: "i386", 40: "arm", 62: "x86_64", 183: "aarch64", 243: "riscv64", 21: "ppc64", 22: "s390x"}
_HEADER = struct.Struct("<4sBB10xHH")
_ABI_TAG = struct.pack("<III4s", 4, 16, 1, b"GNU\0")
"""The head of a note of type NT_GNU_ABI_TAG: the oldest kernel that the C library works on follows."""
_LINUX = 0
_HEAD = 4096


@dataclass(frozen=True)
class Programs:
    """All programs and libraries of an image.

    Args:
        architectures: they are for, sorted.
        kernel: the oldest Linux that all of them say they work on; empty where none says so.
    """

    architectures: tuple[str, ...]
    kernel: str


def programs(root: Path) -> Programs:
    """Look at every file below a directory; what can't be read is no program."""
    architectures: set[str] = set()
    oldest = (0, 0, 0)
    for directory, _, names in os.walk(root):
        for name in names:
            head = _head(Path(directory, name))
            if len(head) < _HEADER.size or not head.startswith(b"\x7fELF"):
                continue
            _, _, order, _, machine = _HEADER.unpack_from(head)
            if order == 2:
                machine = int.from_bytes(machine.to_bytes(2, "little"), "big")
            architectures.add(_MACHINES.get(machine, f"ELF machine {machine}"))
            oldest = max(oldest, _abi(head))
    return Programs(tuple(sorted(architectures)), ".".join(map(str, oldest)) if any(oldest) else "")


def _head(path: Path) -> bytes:
    try:
        if not stat.S_ISREG(path.lstat().st_mode):
            return b""
        with path.open("rb") as file:
            return file.read(_HEAD)
    except OSError:
        return b""


def _abi(head: bytes) -> tuple[int, int, int]:
    at = head.find(_ABI_TAG) + len(_ABI_TAG)
    if at < len(_ABI_TAG) or len(head) < at + 16:
        return (0, 0, 0)
    system, major, minor, patch = struct.unpack_from("<IIII", head, at)
    return (major, minor, patch) if system == _LINUX else (0, 0, 0)
