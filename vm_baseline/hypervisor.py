"""Starting virtual machines through libvirt."""

import os
import secrets
from collections.abc import Callable
from pathlib import Path
from typing import Self

from tare.state import PREFIX, State
from vm_baseline.agent import Agent
from vm_baseline.connection import Connection
from vm_baseline.disk import overlay
from vm_baseline.domain import Domain
from vm_baseline.errors import HypervisorError
from vm_baseline.initramfs import RDINIT, Job, assemble, script
from vm_baseline.machine import Ends, Machine
from vm_baseline.place import domain_prefix, new_directory, open_to_daemon
from vm_baseline.prepared import Prepared, prepare
from vm_baseline.processes import qemu_processes
from vm_baseline.serial import Serial
from vm_baseline.spec import Accelerator, MachineSpec
from vm_baseline.tsc import frequency_khz

_COMMAND_LINE = f"rdinit={RDINIT} console=ttyS0 quiet panic=-1 cryptomgr.notests 8250.nr_uarts=1"


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
            TareError: as `vm_baseline.prepared.prepare`.
        """
        return prepare(self._state, spec)

    def start(
        self,
        spec: MachineSpec,
        *,
        prepared: Prepared | None = None,
        output: Callable[[bytes], None] | None = None,
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
            domain = self.describe(spec, directory, nonce, shared)
            if self._uri is not None:
                (directory / "uri").write_text(self._uri)
                bases = [shared.disk] if shared.disk else []
                open_to_daemon(self._state, [*directory.iterdir(), *bases, shared.kernel.image])
            times = self.connection.call("create", xml=domain.xml(), name=domain.name)
            pid = times.pop("pid") or next((pid for pid, name in qemu_processes(domain.name)), None)
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

    def describe(
        self, spec: MachineSpec, directory: Path, nonce: str, prepared: Prepared | None = None
    ) -> Domain:
        """Put a machine's own files into a directory and describe it, without starting it."""
        shared = prepared or self.prepare(spec)
        initrd = directory / "initrd"
        job = Job(
            nonce,
            shared.boot_modules,
            shared.agent_modules,
            disk="/dev/vda" if shared.disk else "",
            address=spec.tap.address if spec.tap else None,
            gateway=spec.tap.gateway if spec.tap else None,
            payload=script(spec.argv, spec.env) if spec.argv else None,
            init=spec.init,
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


def _command_line(accelerator: Accelerator) -> str:
    khz = frequency_khz() if accelerator is Accelerator.TCG else None
    return f"{_COMMAND_LINE} tsc_early_khz={khz}" if khz else _COMMAND_LINE
