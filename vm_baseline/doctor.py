"""What the virtual machine side finds on this host."""

import os
from collections.abc import Callable
from pathlib import Path

from tare.errors import TareError
from tare.state import State
from vm_baseline.accelerator import probe, qemu_version
from vm_baseline.connection import Connection
from vm_baseline.disk import require
from vm_baseline.initramfs import host_busybox
from vm_baseline.kernel import find_kernel

_TUN = Path("/dev/net/tun")


def doctor(state: State) -> list[tuple[str, bool, str]]:
    """Name, whether it is usable, and a line for a person, of everything a virtual machine needs."""
    checks: list[tuple[str, Callable[[], str]]] = [
        ("qemu", lambda: f"QEMU {qemu_version()}"),
        ("libvirt", lambda: _libvirt(state)),
        ("guest kernel", lambda: _kernel(state)),
        ("accelerator", lambda: _accelerator(state)),
        ("busybox", lambda: f"{host_busybox()} is static"),
        ("qemu-img", lambda: require("qemu-img", "qemu-utils")),
        ("mke2fs", lambda: require("mke2fs", "e2fsprogs")),
        ("tun", _tun),
    ]
    return [(name, *_outcome(check)) for name, check in checks]


def _outcome(check: Callable[[], str]) -> tuple[bool, str]:
    try:
        return True, check()
    except TareError as error:
        return False, str(error)


def _libvirt(state: State) -> str:
    connection = Connection(state)
    try:
        number = connection.call("version")["libvirt"]
    finally:
        connection.close()
    version = f"{number // 1_000_000}.{number // 1_000 % 1_000}.{number % 1_000}"
    return f"libvirt {version} with the embedded QEMU driver"


def _kernel(state: State) -> str:
    kernel = find_kernel(state)
    modules = "with modules" if kernel.modules else "without modules"
    return f"Linux {kernel.release} from {kernel.source}, {modules}"


def _accelerator(state: State) -> str:
    proof = probe(state)
    return f"{proof.accelerator}: {proof.reason}"


def _tun() -> str:
    if not os.access(_TUN, os.R_OK | os.W_OK):
        raise TareError(
            f"{_TUN} can't be opened", "guests get no network; load the module tun or run as root"
        )
    return f"{_TUN} can be opened"
