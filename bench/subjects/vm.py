"""Virtual machines: each profile of the VM side is a subject."""

import time
from functools import cached_property
from ipaddress import IPv4Address
from subprocess import CompletedProcess

import vm_baseline
from bench import footprint
from bench.lab import Lab
from bench.subject import Availability, Footprint, Timeline
from results import Kind
from vm_baseline import Hypervisor, MachineSpec, Profile


class VmInstance:
    """One machine that runs the payload once its guest is up."""

    def __init__(self, hypervisor: Hypervisor, spec: MachineSpec) -> None:
        self._address = spec.tap.address.ip if spec.tap else None
        self.timeline = Timeline(started=time.monotonic_ns())
        self._machine = hypervisor.start(spec)
        self.timeline.created = self._machine.created_ns

    def wait_ready(self, timeout: float) -> Timeline:
        """Wait for the first byte of the payload's output on the serial line."""
        self.timeline.first_output = self._machine.wait_first_output(timeout)
        return self.timeline

    def wait_output(self, mark: bytes, timeout: float) -> int:
        """Monotonic ns at which `mark` had arrived."""
        return self._machine.wait_output(mark, timeout)

    def wait(self, timeout: float) -> int:
        """Exit status of the payload, once QEMU has ended."""
        status = self._machine.wait(timeout)
        self.timeline.exited = self._machine.exited_ns
        return status

    def exec(
        self, argv: tuple[str, ...], *, stdin: bytes | None = None, timeout: float | None = None
    ) -> CompletedProcess[bytes]:
        """Run a command through the guest's channel."""
        return self._machine.exec(argv, stdin=stdin, timeout=timeout)

    def address(self) -> IPv4Address | None:
        """Its address on the bridge."""
        return self._address

    def footprint(self) -> Footprint:
        """Of QEMU; guest RAM is part of it."""
        return footprint.measure(self._machine.pid)

    def stop(self) -> None:
        """End QEMU at once."""
        self._machine.destroy()

    def remove(self) -> None:
        """Remove the domain and its files."""
        self._machine.remove()
        self.timeline.removed = self.timeline.removed or time.monotonic_ns()


class VirtualMachine:
    """One machine profile as a subject."""

    kind = Kind.VM

    def __init__(self, lab: Lab, profile: Profile) -> None:
        self.name = str(profile)
        self._lab = lab
        self._profile = profile

    @cached_property
    def accelerator(self) -> str:
        """What a real guest booted on here."""
        return str(vm_baseline.probe(self._lab.state).accelerator)

    def availability(self) -> Availability:
        """Everything the VM side needs is here."""
        for name, ok, line in vm_baseline.doctor(self._lab.state):
            if not ok:
                return Availability(False, f"{name}: {line}")
        return Availability(True, version=self._lab.hypervisor.version)
