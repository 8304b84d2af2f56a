"""Finding out by booting a guest which CPU model works with an accelerator."""

import fcntl
import hashlib
import json
import os
import platform
import re
import secrets
import select
import subprocess
import time
from dataclasses import asdict, dataclass
from pathlib import Path

from tare.state import State
from vm_baseline import versions
from vm_baseline.architecture import Architecture, architecture, host_name
from vm_baseline.cache import cached
from vm_baseline.initramfs import RDINIT, Job, assemble, build_base
from vm_baseline.kernel import Kernel
from vm_baseline.place import domain_prefix, new_place
from vm_baseline.spec import Accelerator
from vm_baseline.tools import require

_LIMITS = {Accelerator.KVM: 4.0, Accelerator.TCG: 30.0}
"""Seconds a model has; a guest needs less than one on KVM, and emulated two or three on an idle host."""

_FAILURE_LASTS = 3600.0
"""Seconds until what has failed is tried again: the host may have been busy, or its KVM taken by another."""


@dataclass(frozen=True)
class Finding:
    """What booting showed.

    Args:
        model: the CPU model that works, or None.
        rejected: the models tried before, each with what went wrong.
    """

    model: str | None
    rejected: tuple[tuple[str, str], ...] = ()

    def faults(self) -> str:
        """The rejected models with their reasons, in a line; those with the same reason together."""
        models: dict[str, list[str]] = {}
        for model, reason in self.rejected:
            models.setdefault(reason, []).append(model)
        return "; ".join(f"{', '.join(names)}: {reason}" for reason, names in models.items())


def find(state: State, kernel: Kernel, engine: Accelerator) -> Finding:
    """The first of the architecture's models with which a guest boots.

    Kept per boot of the host, host kernel, QEMU and guest kernel, for an hour if none boots; a second process
    waits for what the first finds. It takes at most the limit for each model.

    Raises:
        HypervisorError: QEMU is missing or too old.
    """
    guest = architecture(kernel.architecture)
    version = qemu_version(guest)
    versions.check("QEMU", version, versions.QEMU_SINCE)
    circumstances = (
        engine, guest.name, guest.models[engine], version, kernel.release, kernel.digest,
        platform.release(), _boot_id(),
    )  # fmt: skip
    name = hashlib.sha256(repr(circumstances).encode()).hexdigest()[:16]
    directory = state.directory("accelerator")

    def make(product: Path) -> None:
        product.write_text(json.dumps(asdict(_try_models(state, kernel, engine))))

    kept = directory / f"{name}.json"
    with (directory / "lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if _is_old_failure(kept):
            kept.unlink()
        found = json.loads(cached(kept, make).read_text())
    return Finding(found["model"], tuple((model, reason) for model, reason in found["rejected"]))


def _is_old_failure(kept: Path) -> bool:
    if not kept.exists() or time.time() - kept.stat().st_mtime < _FAILURE_LASTS:
        return False
    return json.loads(kept.read_text())["model"] is None


def qemu_version(guest: Architecture | None = None) -> str:
    """QEMU's version, such as 7.2.22; that for guests of the host's architecture unless another is named.

    Raises:
        HypervisorError: QEMU is missing.
    """
    guest = guest or architecture(host_name())
    line = subprocess.run(
        [require(guest.qemu, guest.package), "--version"], capture_output=True, text=True, check=False
    ).stdout
    words = line.split()
    return words[3] if len(words) > 3 else "unknown"


def _try_models(state: State, kernel: Kernel, engine: Accelerator) -> Finding:
    rejected: list[tuple[str, str]] = []
    for model in architecture(kernel.architecture).models[engine]:
        fault = boot(state, kernel, engine, model)
        if fault is None:
            return Finding(model, tuple(rejected))
        rejected.append((model, fault))
    return Finding(None, tuple(rejected))


def boot(state: State, kernel: Kernel, engine: Accelerator, model: str) -> str | None:
    """Boot a guest; None when it said its nonce in time, else what went wrong."""
    guest = architecture(kernel.architecture)
    nonce = secrets.token_hex(8)
    place = new_place(state, "vm")
    try:
        initrd = place.data / "initrd"
        assemble([build_base(state, kernel, (), guest.name)], Job(nonce), initrd)
        command = [
            guest.qemu, "-name", f"guest={domain_prefix(state)}{place.name}",
            "-machine", guest.machine("q35"), "-accel", engine, "-cpu", model,
            "-m", "256", "-nodefaults", "-no-user-config", "-no-reboot",
            "-display", "none", "-serial", "stdio",
            "-kernel", str(kernel.image), "-initrd", str(initrd),
            "-append", f"rdinit={RDINIT} console={guest.console} quiet panic=-1",
        ]  # fmt: skip
        with subprocess.Popen(
            command, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.PIPE
        ) as qemu:
            try:
                return _listen(qemu, f"{nonce}:ready".encode(), _LIMITS[engine])
            finally:
                qemu.kill()
    finally:
        place.remove()


def _listen(qemu: "subprocess.Popen[bytes]", wanted: bytes, limit: float) -> str | None:
    assert qemu.stdout is not None and qemu.stderr is not None
    heard, deadline = b"", time.monotonic() + limit
    while (left := deadline - time.monotonic()) > 0:
        if not select.select([qemu.stdout], [], [], left)[0]:
            break
        data = os.read(qemu.stdout.fileno(), 65536)
        heard += data
        if wanted in heard:
            return None
        if not data:
            errors = qemu.stderr.read().decode(errors="replace").strip().splitlines()
            return f"QEMU ended: {_without_program(errors[-1])}" if errors else "QEMU ended"
    return f"{'not ready' if heard else 'nothing heard'} within {limit:g} s"


def _without_program(message: str) -> str:
    return re.sub(r"^qemu-system-\w+: ", "", message)


def _boot_id() -> str:
    """What names this boot of this host (proc_sys_kernel(5)), else its node name."""
    try:
        return Path("/proc/sys/kernel/random/boot_id").read_text().strip()
    except OSError:
        return platform.node()
