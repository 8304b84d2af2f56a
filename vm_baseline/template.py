"""Guests that were booted once and saved, of which any number go on as machines of their own.

The memory is a file: QEMU that is saved maps it shared, each that goes on maps it privately, so pages come
out of the host's page cache when the guest touches them and are copied when it writes. What the guest wrote
to its disk before is saved with it, for its page cache knows of it.
"""

import hashlib
import re
import shutil
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from tare.errors import UsageError
from tare.state import State
from vm_baseline.cache import products
from vm_baseline.domain import Domain
from vm_baseline.errors import HypervisorError
from vm_baseline.spec import MachineSpec
from vm_baseline.tools import require

if TYPE_CHECKING:
    from vm_baseline.prepared import Prepared

_CPUINFO = Path("/proc/cpuinfo")
_VARYING = re.compile(r"^(cpu MHz|bogomips|BogoMIPS)\s*:.*\n", re.MULTILINE)


@dataclass(frozen=True)
class Template:
    """A saved guest.

    Args:
        directory: with its three files.
        in_devices: whether its memory is in the file of its devices' state, instead of one to be mapped.
    """

    directory: Path
    in_devices: bool = False

    @property
    def memory(self) -> Path:
        """The guest's memory, as large as it has; what it never touched are holes."""
        return self.directory / "memory"

    @property
    def mapped(self) -> Path | None:
        """The memory, where a guest that goes on maps it."""
        return None if self.in_devices else self.memory

    @property
    def devices(self) -> Path:
        """The state of its devices, as QEMU migrates it."""
        return self.directory / "devices"

    @property
    def disk(self) -> Path:
        """What it had written to its disk, a qcow2 image above the raw one."""
        return self.directory / "disk.qcow2"


def name(domain: Domain, shared: "Prepared", libvirt: int) -> str:
    """What tells templates apart: what a guest's memory and devices depend on.

    Args:
        domain: of a machine that goes on from it, without what is an instance's own.
        shared: with what the guest boots.
        libvirt: its version.

    Raises:
        HypervisorError: QEMU is missing.
    """
    assert shared.disk is not None
    qemu = Path(require(domain.architecture.qemu, domain.architecture.package))
    circumstances = (
        domain.xml(), shared.kernel, shared.initramfs, shared.disk, shared.file_system, shared.boot_modules,
        shared.agent_modules, libvirt, qemu, qemu.stat().st_size, qemu.stat().st_mtime_ns,
        _VARYING.sub("", _CPUINFO.read_text().partition("\n\n")[0]),
    )  # fmt: skip
    digest = hashlib.sha256(repr(circumstances).encode()).hexdigest()[:16]
    return f"{shared.disk.name.partition('.')[0]}-{digest}"


def check(spec: MachineSpec, uri: str | None) -> None:
    """Refuse what a guest that goes on can't have.

    Raises:
        UsageError: with what.
    """
    if spec.init:
        raise UsageError("a saved guest has no place for an init of the image's", "use the profile vm-q35")
    if spec.memory_options.huge_pages:
        raise UsageError("a saved guest's memory is a file, without huge pages", "use the profile vm-q35")
    if spec.volumes:
        raise UsageError("a saved guest has no directories of the host", "use the profile vm-q35")
    if spec.ports:
        raise UsageError("a saved guest has no published ports", "give it a bridge or use the profile vm-q35")
    if uri is not None:
        raise UsageError(f"{uri} may not read saved guests", "leave --connect away or use the profile vm-q35")


def check_room(place: Path, memory: int) -> None:
    """Refuse a disk on which a guest's memory may not fit; QEMU would be ended in the middle.

    Raises:
        HypervisorError: there are fewer bytes than the guest has.
    """
    if shutil.disk_usage(place).free < memory:
        raise HypervisorError(
            f"no space left below {place} for {memory >> 20} MiB of a guest's memory",
            "make room and try again",
        )


def cached_templates(state: State, mark: str = "") -> tuple[Path, ...]:
    """The directories of templates of files with that mark, or of all."""
    return products(state.data / "templates", f"{mark}*-*")
