"""What is asked of a virtual machine."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from ipaddress import IPv4Address, IPv4Interface
from pathlib import Path

from vm_baseline.kernel import Kernel
from vm_baseline.profile import Profile


class Accelerator(StrEnum):
    """What executes the guest's instructions; the values are QEMU's names."""

    KVM = "kvm"
    TCG = "tcg"


@dataclass(frozen=True)
class Tap:
    """A network interface of the guest.

    Args:
        bridge: the name of an existing bridge of the host.
        address: of the guest's eth0.
        gateway: the guest's default route.
    """

    bridge: str
    address: IPv4Interface
    gateway: IPv4Address | None = None


@dataclass(frozen=True)
class MachineSpec:
    """One virtual machine.

    Args:
        profile: the kind of machine, or its name.
        rootfs: the image's root directory; it is not changed.
        argv: the payload, run once the guest is ready, with whose end the guest powers off; None for none.
        env: its environment.
        kernel: to boot; None for the one `find_kernel` finds.
        memory: bytes.
        vcpus: number of virtual processors.
        tap: the network interface, or None.
        accelerator: None for the proven one.
        ready_timeout: seconds until a guest that says nothing is given up.
        init: the image's own process 1, such as /sbin/init, which takes over once the guest is ready, beside
            the agent and instead of a payload; None for ours.
        hold: make a guest that never says it is ready, to try what happens then.
    """

    profile: Profile | str
    rootfs: Path
    argv: tuple[str, ...] | None = None
    env: Mapping[str, str] = field(default_factory=dict, hash=False)
    kernel: Kernel | None = None
    memory: int = 256 << 20
    vcpus: int = 1
    tap: Tap | None = None
    accelerator: Accelerator | None = None
    ready_timeout: float = 60.0
    init: str | None = None
    hold: bool = False
