"""Starting virtual machines through libvirt."""

import os
import secrets
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Self

from tare.errors import ImageError, UsageError
from tare.state import PREFIX, State
from vm_baseline.accelerator import Proof, emulated, probe
from vm_baseline.agent import Agent
from vm_baseline.connection import Connection
from vm_baseline.disk import base_disk, fingerprint, overlay
from vm_baseline.domain import Domain
from vm_baseline.errors import HypervisorError
from vm_baseline.initramfs import RDINIT, Job, assemble, build_base, build_image, script
from vm_baseline.kernel import Kernel, find_kernel
from vm_baseline.machine import Ends, Machine, qemu_pid
from vm_baseline.modules import resolve
from vm_baseline.place import domain_prefix, new_directory
from vm_baseline.profile import Profile, Root, profile
from vm_baseline.serial import Serial
from vm_baseline.spec import Accelerator, MachineSpec
from vm_baseline.tsc import frequency_khz

_COMMAND_LINE = f"rdinit={RDINIT} console=ttyS0 quiet panic=-1 cryptomgr.notests 8250.nr_uarts=1"
_KERNEL_NEEDS = 96 << 20


@dataclass(frozen=True)
class Prepared:
    """What the instances of a machine share, all cached.

    Args:
        profile: the kind of machine.
        kernel: to boot.
        proof: the accelerator.
        initramfs: archives to be joined.
        disk: the raw image below each instance's overlay, or None.
        boot_modules: to load before the root is mounted, in order.
        agent_modules: to load for the agent, in order.
    """

    profile: Profile
    kernel: Kernel
    proof: Proof
    initramfs: tuple[Path, ...]
    disk: Path | None
    boot_modules: tuple[str, ...]
    agent_modules: tuple[str, ...]


class Hypervisor:
    """A context in which virtual machines run; leaving it removes them.

    Args:
        state: where everything is kept.
        uri: a libvirt URI, or None for a private libvirt inside a process of our own (`qemu:///embed`).

    Raises:
        HypervisorError: libvirt or QEMU can't be used.
    """

    def __init__(self, state: State, uri: str | None = None) -> None:
        self._state = state
        self._uri = uri
        self._machines: set[Machine] = set()
        self._connection: Connection | None = None

    def __enter__(self) -> Self:
        self._connection = Connection(self._state, self._uri)
        return self

    def __exit__(self, *_: object) -> None:
        try:
            for machine in list(self._machines):
                machine.remove()
        finally:
            self.connection.close()
            self._connection = None

    @property
    def connection(self) -> Connection:
        """The connection to libvirt, open inside the context."""
        if self._connection is None:
            raise HypervisorError("the hypervisor is not open", "use it as a context manager")
        return self._connection

    def prepare(self, spec: MachineSpec) -> Prepared:
        """Build or find all that can be shared between instances, so that `start` is quick.

        Raises:
            ImageError: the root directory is missing or unreadable.
            KernelError: there is no usable kernel.
            HypervisorError: a tool is missing.
        """
        kind = spec.profile if isinstance(spec.profile, Profile) else profile(spec.profile)
        if not spec.rootfs.is_dir():
            raise ImageError(f"the image {spec.rootfs} is not a directory", "name a root directory or import the image")
        kernel = spec.kernel or find_kernel(self._state)
        proof = self._proof(spec.accelerator, kernel)
        boot = [kind.bus.value] if spec.tap or kind.root is Root.DISK else []
        boot += ["virtio_blk", "ext4"] if kind.root is Root.DISK else []
        boot += ["virtio_net"] if spec.tap else []
        agent = [kind.bus.value, "virtio_console"]
        boot_modules = _names(kernel, boot)
        mark = fingerprint(spec.rootfs)
        parts = [build_base(self._state, kernel, [*boot, *agent])]
        if kind.root is Root.INITRAMFS:
            parts.append(build_image(self._state, spec.rootfs, mark))
            _check_memory(spec.memory, parts)
        return Prepared(
            kind,
            kernel,
            proof,
            tuple(parts),
            base_disk(self._state, spec.rootfs, mark) if kind.root is Root.DISK else None,
            boot_modules,
            tuple(name for name in _names(kernel, agent) if name not in boot_modules),
        )

    def start(
        self, spec: MachineSpec, *, prepared: Prepared | None = None, output: Callable[[bytes], None] | None = None
    ) -> Machine:
        """Start a machine and return as soon as its domain runs.

        Args:
            spec: what to start.
            prepared: what `prepare` gave for an equal spec, to leave its lookups out of the start.
            output: called in another thread with each piece of the payload's output as it arrives.

        Raises:
            TareError: as `prepare`, or libvirt refuses the domain; nothing is left behind.
        """
        shared = prepared or self.prepare(spec)
        directory = new_directory(self._state, "vm")
        nonce = secrets.token_hex(8)
        ends = Ends(directory, Serial(directory / "serial", nonce, output), Agent(directory / "agent"))
        try:
            domain = self._describe(spec, shared, directory, nonce)
            if self._uri is not None:
                (directory / "uri").write_text(self._uri)
            times = self.connection.call("create", xml=domain.xml(), name=domain.name)
            pid = qemu_pid(domain.name, self.connection.root)
            if pid is not None:
                ends.serial.watch(os.pidfd_open(pid))
        except BaseException:
            ends.release()
            raise
        machine = Machine(
            self.connection, domain, ends, shared.kernel, spec.env, pid, times, spec.ready_timeout,
            self._machines.discard,
        )  # fmt: skip
        self._machines.add(machine)
        return machine

    def describe(self, spec: MachineSpec, directory: Path, nonce: str) -> Domain:
        """The description of a machine whose files are put into a directory, without starting it."""
        return self._describe(spec, self.prepare(spec), directory, nonce)

    def _describe(self, spec: MachineSpec, shared: Prepared, directory: Path, nonce: str) -> Domain:
        initrd = directory / "initrd"
        job = Job(
            nonce,
            shared.boot_modules,
            shared.agent_modules,
            disk="/dev/vda" if shared.disk else "",
            address=spec.tap.address if spec.tap else None,
            gateway=spec.tap.gateway if spec.tap else None,
            payload=script(spec.argv, spec.env) if spec.argv else None,
            hold=spec.hold,
        )
        assemble(shared.initramfs, job, initrd)
        if shared.disk is not None:
            overlay(shared.disk, directory / "disk.qcow2")
        return Domain(
            name=domain_prefix(self._state) + directory.name,
            profile=shared.profile,
            accelerator=shared.proof.accelerator,
            cpu=shared.proof.cpu,
            memory=spec.memory,
            vcpus=spec.vcpus,
            kernel=shared.kernel.image,
            initrd=initrd,
            cmdline=_command_line(shared.proof.accelerator),
            serial=directory / "serial",
            channel=directory / "agent",
            disk=directory / "disk.qcow2" if shared.disk else None,
            bridge=spec.tap.bridge if spec.tap else None,
            tap=f"{PREFIX}{self._state.tag}t{directory.name}" if spec.tap else None,
        )

    def _proof(self, asked: Accelerator | None, kernel: Kernel) -> Proof:
        if asked is Accelerator.TCG:
            return emulated("asked for")
        proof = probe(self._state, kernel)
        if asked is Accelerator.KVM and proof.accelerator is not Accelerator.KVM:
            raise HypervisorError(f"KVM doesn't work here: {proof.reason}", "use --accelerator tcg")
        return proof


def _names(kernel: Kernel, wanted: list[str]) -> tuple[str, ...]:
    return tuple(name for name, _ in resolve(kernel.modules, wanted)) if kernel.modules else ()


def _command_line(accelerator: Accelerator) -> str:
    khz = frequency_khz() if accelerator is Accelerator.TCG else None
    return f"{_COMMAND_LINE} tsc_early_khz={khz}" if khz else _COMMAND_LINE


def _check_memory(memory: int, parts: list[Path]) -> None:
    """An initramfs lies in memory twice while it is unpacked."""
    needed = _KERNEL_NEEDS + 2 * sum(part.stat().st_size for part in parts)
    if memory < needed:
        raise UsageError(
            f"the image does not fit as an initramfs into {memory >> 20} MiB of memory",
            f"give at least {-(-needed >> 20)} MiB or use the profile vm-q35",
        )
