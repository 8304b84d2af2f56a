"""What the virtual machine side finds on this host."""

import grp
import os
from collections.abc import Callable
from pathlib import Path

from tare.errors import TareError
from tare.state import State
from vm_baseline import kvm, memory, system, versions
from vm_baseline.accelerator import probe
from vm_baseline.architecture import AARCH64, X86_64, Architecture, architecture, host_name
from vm_baseline.connection import Connection
from vm_baseline.errors import HypervisorError
from vm_baseline.firmware import find_uefi
from vm_baseline.guest_program import guest_program
from vm_baseline.kernel import find_kernel
from vm_baseline.probing import qemu_version
from vm_baseline.tools import require

_TUN = Path("/dev/net/tun")
_SOCKETS = ("/run/libvirt/libvirt-sock", "/run/libvirt/virtqemud-sock")

Check = Callable[[], str]


def doctor(state: State) -> list[tuple[str, bool, str]]:
    """Name, whether it is usable, and a line for a person, of everything a virtual machine needs or can use.

    What a machine can do without is always usable; its line says when it isn't there and what that means.
    """
    own = architecture(host_name())
    other = AARCH64 if own is X86_64 else X86_64
    needed: list[tuple[str, Check]] = [
        ("qemu", lambda: _qemu(own)),
        ("libvirt", lambda: _libvirt(state)),
        ("guest kernel", lambda: _kernel(state)),
        ("accelerator", lambda: _accelerator(state)),
        ("guest program", lambda: f"{len(guest_program(state)) >> 10} KiB, process 1 of guests"),
        ("qemu-img", lambda: require("qemu-img", "qemu-utils")),
        ("mke2fs", lambda: require("mke2fs", "e2fsprogs")),
        ("tun", _tun),
    ]
    useful: list[tuple[str, Check]] = [
        (f"qemu {other.name}", lambda: _qemu(other)),
        ("virtualization", kvm.describe),
        ("kvm device", _device),
        ("whole system", _whole_system),
        ("firmware", lambda: str(find_uefi().code)),
        ("mkfs.erofs", lambda: require("mkfs.erofs", "erofs-utils")),
        ("mksquashfs", lambda: require("mksquashfs", "squashfs-tools")),
        ("fakeroot", lambda: require("fakeroot", "fakeroot")),
        ("libvirt daemon", _daemon),
        ("ksm", memory.ksm),
        ("huge pages", _huge_pages),
    ]
    return [(name, *_outcome(check)) for name, check in needed] + [
        (name, True, line if found else f"not here: {line}")
        for name, (found, line) in ((name, _outcome(check)) for name, check in useful)
    ]


def _outcome(check: Check) -> tuple[bool, str]:
    try:
        return True, check()
    except TareError as error:
        return False, str(error)


def _qemu(guest: Architecture) -> str:
    version = qemu_version(guest)
    versions.check("QEMU", version, versions.QEMU_SINCE)
    least = ".".join(map(str, versions.QEMU_SINCE))
    return f"QEMU {version} for {guest.name}; {least} is the oldest that will do"


def _libvirt(state: State) -> str:
    connection = Connection(state)
    try:
        number = connection.call("version")["libvirt"]
    finally:
        connection.close()
    version = f"{number // 1_000_000}.{number // 1_000 % 1_000}.{number % 1_000}"
    versions.check("libvirt", version, versions.LIBVIRT_SINCE)
    least = ".".join(map(str, versions.LIBVIRT_SINCE))
    return f"libvirt {version} with the embedded QEMU driver; {least} is the oldest that will do"


def _daemon() -> str:
    found = [path for path in _SOCKETS if Path(path).is_socket()]
    if not found:
        raise HypervisorError("no libvirt daemon listens", "only --connect qemu:///system needs one")
    return f"listens on {found[0]}"


def _kernel(state: State) -> str:
    kernel = find_kernel(state)
    modules = "with modules" if kernel.modules else "without modules"
    return f"Linux {kernel.release} from {kernel.source}, {modules}"


def _accelerator(state: State) -> str:
    proof = probe(state)
    return f"{proof.accelerator} with the CPU model {proof.cpu}; KVM: {proof.kvm}; {proof.reason}"


def _device() -> str:
    if fault := kvm.fault():
        raise HypervisorError(fault[1])
    if os.geteuid() == 0:
        return "can be opened, by root"
    is_member = any(entry.gr_name == "kvm" and entry.gr_gid in os.getgroups() for entry in grp.getgrall())
    return f"can be opened; this user is {'' if is_member else 'not '}in the group kvm"


def _whole_system() -> str:
    system.check()
    return "GRUB, mmdebstrap and what else makes a Debian disk for the profiles vm-full and vm-uefi"


def _huge_pages() -> str:
    pool = memory.huge_pages()
    if not pool.size:
        raise HypervisorError("the host's kernel has no huge pages")
    return f"{pool.free} of {pool.total} with {pool.size >> 10} KiB each are free"


def _tun() -> str:
    if not os.access(_TUN, os.R_OK | os.W_OK):
        raise TareError(
            f"{_TUN} can't be opened", "guests get no network; load the module tun or run as root"
        )
    return f"{_TUN} can be opened"
