"""Which accelerator really works here, found by booting a guest on it."""

import hashlib
import json
import os
import platform
import secrets
import select
import shutil
import subprocess
import time
from dataclasses import asdict, dataclass
from pathlib import Path

from tare.state import State
from vm_baseline.cache import cached
from vm_baseline.disk import require
from vm_baseline.initramfs import RDINIT, Job, assemble, build_base
from vm_baseline.kernel import Kernel, find_kernel
from vm_baseline.place import domain_prefix, new_directory
from vm_baseline.spec import Accelerator

QEMU = "qemu-system-x86_64"
_KVM = Path("/dev/kvm")
_MODELS = ("host", "qemu64")
_LIMIT = 5.0
"""Seconds a model has; a guest on KVM needs less than one."""


@dataclass(frozen=True)
class Proof:
    """An accelerator with the reason to use it.

    Args:
        accelerator: to use.
        cpu: QEMU's CPU model to use with it.
        reason: for a person.
    """

    accelerator: Accelerator
    cpu: str
    reason: str


def emulated(reason: str) -> Proof:
    """The choice that works everywhere."""
    return Proof(Accelerator.TCG, "max", reason)


def probe(state: State, kernel: Kernel | None = None) -> Proof:
    """KVM when a guest boots on it within the limit, else TCG; the finding is kept per host, kernel and QEMU.

    Raises:
        HypervisorError: QEMU is missing.
        KernelError: there is no guest kernel to try with.
    """
    version = qemu_version()
    try:
        os.close(os.open(_KVM, os.O_RDWR | os.O_CLOEXEC))
    except OSError as error:
        return emulated(f"{_KVM} can't be opened: {error.strerror}")
    guest = kernel or find_kernel(state)
    host = f"{_machine_id()} {platform.release()} {version} {guest.release}"
    name = hashlib.sha256(host.encode()).hexdigest()[:16]

    def make(product: Path) -> None:
        product.write_text(json.dumps(asdict(_try_models(state, guest))))

    found = json.loads(cached(state.data / "accelerator" / f"{name}.json", make).read_text())
    return Proof(Accelerator(found["accelerator"]), found["cpu"], found["reason"])


def qemu_version() -> str:
    """QEMU's version, such as 7.2.22.

    Raises:
        HypervisorError: QEMU is missing.
    """
    line = subprocess.run(
        [require(QEMU, "qemu-system-x86"), "--version"], capture_output=True, text=True, check=False
    ).stdout
    words = line.split()
    return words[3] if len(words) > 3 else "unknown"


def _try_models(state: State, kernel: Kernel) -> Proof:
    failures = []
    for model in _MODELS:
        failure = _boot(state, kernel, model)
        if failure is None:
            return Proof(Accelerator.KVM, model, f"a guest booted on KVM with the CPU model {model}")
        failures.append(f"{model}: {failure}")
    return emulated(f"{_KVM} opens, but no guest boots on it ({'; '.join(failures)})")


def _boot(state: State, kernel: Kernel, model: str) -> str | None:
    """Boot a guest on KVM; None when it said its nonce in time, else what went wrong."""
    nonce = secrets.token_hex(8)
    place = new_directory(state, "vm")
    try:
        initrd = place / "initrd"
        assemble([build_base(state, kernel, ())], Job(nonce), initrd)
        command = [
            QEMU, "-name", f"guest={domain_prefix(state)}probe", "-machine", "q35,accel=kvm", "-cpu", model,
            "-m", "256", "-nodefaults", "-no-user-config", "-no-reboot",
            "-display", "none", "-serial", "stdio",
            "-kernel", str(kernel.image), "-initrd", str(initrd),
            "-append", f"rdinit={RDINIT} console=ttyS0 quiet panic=-1",
        ]  # fmt: skip
        with subprocess.Popen(
            command, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.PIPE
        ) as qemu:
            try:
                return _listen(qemu, f"{nonce}:ready".encode())
            finally:
                qemu.kill()
    finally:
        shutil.rmtree(place, ignore_errors=True)


def _listen(qemu: "subprocess.Popen[bytes]", wanted: bytes) -> str | None:
    assert qemu.stdout is not None and qemu.stderr is not None
    heard, deadline = b"", time.monotonic() + _LIMIT
    while (left := deadline - time.monotonic()) > 0:
        if not select.select([qemu.stdout], [], [], left)[0]:
            break
        data = os.read(qemu.stdout.fileno(), 65536)
        heard += data
        if wanted in heard:
            return None
        if not data:
            errors = qemu.stderr.read().decode(errors="replace").strip().splitlines()
            return errors[-1] if errors else "QEMU ended"
    return f"nothing heard within {_LIMIT:.0f} s"


def _machine_id() -> str:
    """What names this host across boots (machine-id(5)), else its node name."""
    try:
        return Path("/etc/machine-id").read_text().strip() or platform.node()
    except OSError:
        return platform.node()
