"""UEFI for machines: where distributions install OVMF."""

from dataclasses import dataclass
from pathlib import Path

from vm_baseline.errors import HypervisorError

_OVMF = (
    ("/usr/share/OVMF", "OVMF_CODE_4M.fd", "OVMF_VARS_4M.fd"),
    ("/usr/share/OVMF", "OVMF_CODE.fd", "OVMF_VARS.fd"),
    ("/usr/share/edk2/ovmf", "OVMF_CODE.fd", "OVMF_VARS.fd"),
    ("/usr/share/edk2/x64", "OVMF_CODE.4m.fd", "OVMF_VARS.4m.fd"),
    ("/usr/share/edk2-ovmf/x64", "OVMF_CODE.fd", "OVMF_VARS.fd"),
    ("/usr/share/qemu", "ovmf-x86_64-code.bin", "ovmf-x86_64-vars.bin"),
)
"""Debian and Ubuntu, Fedora, Arch, openSUSE; those without Secure Boot, which needs no signed boot loader."""


@dataclass(frozen=True)
class Uefi:
    """A firmware of two files.

    Args:
        code: the program, which machines share.
        variables: of a new machine, to be copied for each.
    """

    code: Path
    variables: Path


def find_uefi() -> Uefi:
    """The host's OVMF.

    Raises:
        HypervisorError: there is none.
    """
    for directory, code, variables in _OVMF:
        found = Uefi(Path(directory, code), Path(directory, variables))
        if found.code.is_file() and found.variables.is_file():
            return found
    raise HypervisorError("no OVMF was found", "install the package ovmf for machines with UEFI")
