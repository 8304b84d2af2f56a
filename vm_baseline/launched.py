"""A domain that libvirt has started, before it is anybody's machine."""

import subprocess
from dataclasses import dataclass, replace

from vm_baseline.command import Command
from vm_baseline.connection import Connection
from vm_baseline.domain import Domain
from vm_baseline.errors import NotReadyError
from vm_baseline.guest_process import Sinks
from vm_baseline.identity import renewal
from vm_baseline.machine import Ends
from vm_baseline.phases import Calls
from vm_baseline.spec import MachineSpec

OWN_PROGRAM = ("/proc/self/exe",)
SHELL = ("sh", "-c", ":")
"""The image's; one that has none fails to run it, which does no harm."""


@dataclass(frozen=True)
class Launched:
    """A started domain.

    Args:
        domain: its description.
        ends: the host's ends of it.
        nonce: the word its ready line starts with.
        pid: QEMU's process, or None when it can't be seen from here.
        calls: when it was started.
    """

    domain: Domain
    ends: Ends
    nonce: str
    pid: int | None
    calls: Calls

    def rehearse(self, timeout: float, argv: tuple[str, ...] = OWN_PROGRAM) -> None:
        """Have the guest run a program that does nothing, and wait for its end.

        So what a start of a payload needs is in memory and, for an emulator, translated.

        Args:
            timeout: seconds.
            argv: the program; our own is still in the guest's memory.

        Raises:
            NotReadyError: the agent did not answer within the seconds given.
            HypervisorError: the guest has ended.
        """
        try:
            self.ends.agent.start(Command(argv), timeout).communicate(timeout=timeout)
        except subprocess.TimeoutExpired:
            raise NotReadyError(f"the guest {self.domain.name} did not answer within {timeout:g} s") from None

    def wake(
        self, connection: Connection, spec: MachineSpec, called: int, payload: Sinks | None
    ) -> "Launched":
        """Let a paused guest go on as the machine that is asked for.

        Args:
            connection: to the libvirt that runs it.
            spec: what it is to be.
            called: monotonic ns of the call that starts it; what was before is no part of the machine's life.
            payload: for the standard output and error of its payload, as an agent takes them.

        Raises:
            HypervisorError: libvirt can't.
        """
        mac = (spec.tap.mac if spec.tap else "") or self.domain.mac
        self.ends.agent.renew(renewal(spec, self.nonce, mac), payload)
        is_new = self.calls.called_ns == called
        if not is_new and self.ends.monitor is not None:
            self.ends.monitor.forget()
        resumed = connection.call("resume", name=self.domain.name)
        if not is_new:
            return replace(self, calls=Calls(called, **resumed))
        return replace(self, calls=replace(self.calls, created_ns=resumed["created_ns"]))
