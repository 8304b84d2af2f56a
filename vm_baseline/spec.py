"""What is asked of a virtual machine."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from ipaddress import IPv4Address, IPv4Interface, IPv6Address, IPv6Interface
from pathlib import Path

from tare.ports import Published
from vm_baseline.kernel import Kernel
from vm_baseline.profile import Profile
from vm_baseline.volume import Volume


class Accelerator(StrEnum):
    """What executes the guest's instructions.

    A machine that runs has KVM or TCG, whose values are QEMU's names; the others can be asked for and are TCG
    with one thread for all of the guest's processors, or one for each.
    """

    KVM = "kvm"
    TCG = "tcg"
    TCG_SINGLE = "tcg-single"
    TCG_MULTI = "tcg-multi"


@dataclass(frozen=True)
class MemoryOptions:
    """How the host keeps a guest's memory; all is off by default, as each has its own cost.

    Args:
        balloon: a device through which `Machine.set_memory` takes memory from the running guest and gives it
            back; on PCI it reports the guest's own view of it as well.
        free_page_reporting: the guest tells which of its pages are free, and the host takes them until they
            are used again.
        mergeable: the host's ksmd, where it runs, may merge pages that are equal to others'.
        huge_pages: memory from the host's pool of huge pages.
    """

    balloon: bool = False
    free_page_reporting: bool = False
    mergeable: bool = False
    huge_pages: bool = False

    @property
    def has_device(self) -> bool:
        """Whether the guest has a virtio-balloon device."""
        return self.balloon or self.free_page_reporting


NO_OPTIONS = MemoryOptions()


@dataclass(frozen=True)
class Tap:
    """A network interface of the guest.

    Args:
        bridge: the name of an existing bridge of the host.
        address: of the guest's eth0.
        gateway: the guest's default route.
        mac: its hardware address, libvirt's choice when empty.
        mtu: bytes.
        address6: of the guest's eth0, or None without IPv6.
        gateway6: its default route.
    """

    bridge: str
    address: IPv4Interface
    gateway: IPv4Address | None = None
    mac: str = ""
    mtu: int = 1500
    address6: IPv6Interface | None = None
    gateway6: IPv6Address | None = None


@dataclass(frozen=True)
class MachineSpec:
    """One virtual machine.

    Args:
        profile: the kind of machine, or its name.
        rootfs: the image's root directory; it is not changed.
        content: a name for the root directory's content, as an image's digest, by which what was built of it
            is found again; None to look at every file of it.
        filesystem: of the disk, where the profile has one; see `vm_baseline.filesystem`.
        argv: the payload, run once the guest is ready, with whose end the guest powers off; None for none.
        env: its environment.
        kernel: to boot; None for the one `find_kernel` finds.
        architecture: of the guest (`uname -m`), which the kernel must have; empty for the kernel's or host's.
        memory: bytes.
        memory_options: how the host keeps that memory.
        vcpus: number of virtual processors.
        cpuset: numbers of the host's processors that QEMU keeps to; none for all that are online.
        tap: the network interface, or None.
        user_network: an interface behind QEMU's own translation instead, which needs no privileges: the guest
            is 10.0.2.15, the host 10.0.2.2, and names are asked of the host's resolver.
        ports: of the host that lead into the guest through that network.
        accelerator: None for the proven one.
        ready_timeout: seconds until a guest that says nothing is given up; None for the profile's.
        init: the image's own process 1, such as /sbin/init, which takes over once the guest is ready, beside
            the agent and instead of a payload; None for ours.
        user: of payload and commands, `name|uid[:group|gid]` by the image's own files; empty for root.
        directory: their working directory, made when it is missing; empty for the root.
        terminal: rows and columns of a terminal for the payload, or None.
        has_input: whether the payload will be given input.
        hostname: of the guest; empty to leave the kernel's.
        resolv: the text of the guest's /etc/resolv.conf, or None to leave the image's.
        hosts: the text of its /etc/hosts, or None to leave the image's.
        guest_agent: whether there is a port for QEMU's own guest agent, which the image has and starts.
        volumes: directories of the host for the guest.
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
    ready_timeout: float | None = None
    init: str | None = None
    hold: bool = False
    user: str = ""
    directory: str = ""
    terminal: tuple[int, int] | None = None
    has_input: bool = False
    hostname: str = ""
    resolv: str | None = None
    hosts: str | None = None
    guest_agent: bool = False
    user_network: bool = False
    ports: tuple[Published, ...] = ()
    memory_options: MemoryOptions = NO_OPTIONS
    architecture: str = ""
    content: str | None = None
    cpuset: frozenset[int] = frozenset()
    filesystem: str = "ext4"
    volumes: tuple[Volume, ...] = ()
