"""One running virtual machine."""

import contextlib
import signal
import subprocess
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from pathlib import Path

from vm_baseline.agent import Agent
from vm_baseline.connection import Connection
from vm_baseline.deadline import Deadline
from vm_baseline.domain import Domain
from vm_baseline.errors import HypervisorError, NotReadyError
from vm_baseline.footprint import Footprint, measure
from vm_baseline.guest_process import Sink, Sinks
from vm_baseline.inside import Inside
from vm_baseline.kernel import Kernel
from vm_baseline.monitor import Monitor
from vm_baseline.phases import Calls, Phases, Source, collect
from vm_baseline.place import Place
from vm_baseline.qga import GuestAgent
from vm_baseline.reason import why_it_ended
from vm_baseline.saving import save
from vm_baseline.serial import Serial
from vm_baseline.spec import Accelerator, MachineSpec

_KILL_LIMIT = 10.0
_SEEN_OFF_WITHIN = 0.2
"""Seconds that libvirt is kept from looking at an end, which is how long it would wait to look again."""
_SIZES = ("actual", "available", "unused", "usable", "disk_caches", "rss")


@dataclass(frozen=True)
class Ends:
    """The host's ends of a machine, made before QEMU starts.

    Args:
        place: of the instance.
        serial: the serial line.
        agent: the command channel.
        guest_agent: the channel to QEMU's own guest agent, or None.
        monitor: QEMU's second monitor, or None.
    """

    place: Place
    serial: Serial
    agent: Agent
    guest_agent: GuestAgent | None = None
    monitor: Monitor | None = None

    @classmethod
    def open(
        cls,
        place: Place,
        nonce: str,
        payload: Sinks | None = None,
        output: Sink | None = None,
        *,
        has_guest_agent: bool = False,
        has_monitor: bool = False,
    ) -> "Ends":
        """Make them in an instance's place, which goes with them.

        Raises:
            OSError: a socket can't be made; nothing is left.
        """
        with contextlib.ExitStack() as undo:
            undo.callback(place.remove)
            serial = Serial(place.run / "serial", nonce, output)
            undo.callback(serial.close)
            agent = Agent(place.run / "agent", serial, payload)
            undo.callback(agent.close)
            monitor = Monitor(place.run / "monitor", serial) if has_monitor else None
            guest_agent = GuestAgent(place.run / "qga") if has_guest_agent else None
            undo.pop_all()
        return cls(place, serial, agent, guest_agent, monitor)

    def release(self) -> None:
        """Close and delete everything; may be called twice."""
        self.serial.close()
        self.agent.close()
        if self.guest_agent is not None:
            self.guest_agent.close()
        self.place.remove()


class Machine(Inside):
    """A virtual machine that `Hypervisor.start` made.

    Args:
        connection: to the libvirt that runs it.
        domain: its description.
        ends: the host's ends of it.
        kernel: it boots.
        spec: what was asked for.
        pid: QEMU's process, or None when it can't be seen from here.
        calls: when it was started.
        forget: called when it has been removed.
    """

    def __init__(
        self,
        connection: Connection,
        domain: Domain,
        ends: Ends,
        kernel: Kernel,
        spec: MachineSpec,
        pid: int | None,
        calls: Calls,
        forget: Callable[["Machine"], None],
    ) -> None:
        super().__init__(ends.agent, spec)
        self.name = domain.name
        self.kernel = kernel
        self.pid = pid
        self.asked_ns = calls.asked_ns
        self.created_ns = calls.created_ns
        self._calls = calls
        self._connection = connection
        self._domain = domain
        self._ends = ends
        self._serial = ends.serial
        self._forget = forget
        self._removed = False

    @property
    def guest_agent(self) -> GuestAgent:
        """QEMU's own guest agent.

        Raises:
            HypervisorError: the machine was started without a port for it.
        """
        if self._ends.guest_agent is None:
            raise HypervisorError(f"the guest {self.name} has no port for QEMU's guest agent")
        return self._ends.guest_agent

    @property
    def accelerator(self) -> Accelerator:
        """What executes the guest's instructions."""
        return self._domain.accelerator

    @property
    def domain_xml(self) -> str:
        """The domain's description: libvirt's full one while it runs, else the one it was started with."""
        try:
            return str(self._connection.call("xml", name=self.name))
        except HypervisorError:
            return self._domain.xml()

    @property
    def console(self) -> bytes:
        """What firmware and kernel said on the serial line before the ready line."""
        return self._serial.transcript.boot

    @property
    def tap(self) -> str | None:
        """The name of its tap device, or None."""
        return self._domain.tap

    @property
    def directory(self) -> Path:
        """The instance's files (overlay disk, initramfs)."""
        return self._ends.place.data

    @property
    def first_byte_ns(self) -> int | None:
        """Monotonic ns of the first byte on the serial line, from firmware or kernel."""
        return self._serial.first_byte_ns

    @property
    def ready_ns(self) -> int | None:
        """Monotonic ns of the ready line."""
        return self._serial.ready_ns

    @property
    def first_output_ns(self) -> int | None:
        """Monotonic ns of the payload's first output, or with `init` of what the console says first."""
        payload = self._agent.payload
        return payload.first_output_ns if payload else self._serial.first_output_ns

    @property
    def guest_times(self) -> tuple[int, int] | None:
        """Ns on the guest's CLOCK_MONOTONIC: its first instruction outside of the kernel, the ready line."""
        return self._serial.transcript.guest_times

    @property
    def exited_ns(self) -> int | None:
        """Monotonic ns of QEMU's end."""
        return self._serial.gone_ns

    @property
    def output(self) -> bytes:
        """The first 16 MiB of the payload's output, both streams in one, or with `init` of the console's."""
        return bytes(self._agent.output if self._agent.payload else self._serial.transcript.output)

    def phases(self) -> Phases:
        """The points of its life that it has passed until now; all that can be once it is removed."""
        source = Source.CHANNEL if self._agent.payload else Source.SERIAL
        calls = replace(self._calls, output_ns=self.first_output_ns)
        return collect(calls, self._serial, self._ends.monitor, source)

    def footprint(self) -> Footprint:
        """What it costs the host now.

        Raises:
            HypervisorError: it has ended, or its processes can't be looked at from here.
        """
        if self.pid is None or self._serial.gone_ns is not None:
            raise HypervisorError(f"the guest {self.name} has no process that can be looked at")
        return measure(
            self.pid,
            self._domain.memory,
            bases=self._domain.bases,
            own=[path for path in self.directory.iterdir() if path.is_file()],
            managers=self._connection.pids(),
            servers=self._connection.call("servers", name=self.name) if self._domain.volumes else (),
        )

    def set_memory(self, size: int, timeout: float = 10.0) -> int:
        """Have the guest's balloon leave it that much memory; the bytes it has once that is done.

        Args:
            size: bytes, at most those it was started with.
            timeout: seconds to wait; the guest gives only what it can spare, so the result may be larger.

        Raises:
            HypervisorError: the machine was started without a balloon, or has ended.
        """
        self._check_balloon()
        return int(self._connection.call("set_memory", name=self.name, size=size, timeout=timeout))

    def guest_memory(self) -> Mapping[str, int]:
        """What the guest says of its memory, bytes by libvirt's names (virDomainMemoryStatTags): `actual`,
        `available` (MemTotal), `unused` (MemFree), `usable` (MemAvailable), `disk_caches`. It tells every
        second; libvirt hears it on PCI only, and without that there is `actual` alone.

        Raises:
            HypervisorError: the machine was started without a balloon, or has ended.
        """
        self._check_balloon()
        found = self._connection.call("memory", name=self.name)
        return {name: value * 1024 for name, value in found.items() if name in _SIZES}

    def _check_balloon(self) -> None:
        if not self._spec.memory_options.balloon:
            raise HypervisorError(
                f"the guest {self.name} has no balloon", "start it with MemoryOptions(balloon=True)"
            )

    def wait_ready(self, timeout: float | None = None) -> int:
        """Wait for the ready line; its time in monotonic ns.

        Raises:
            NotReadyError: it did not come within the seconds given, or the guest ended; it is removed.
        """
        limits = (timeout, self._spec.ready_timeout, self._domain.profile.ready_timeout)
        limit = next(limit for limit in limits if limit is not None)
        serial = self._serial
        in_time = serial.wait(lambda: bool(serial.ready_ns or serial.gone_ns), limit)
        if serial.ready_ns is not None:
            return serial.ready_ns
        what = (
            "ended before it was ready" if in_time else f"was not ready within {limit:g} s and has been ended"
        )
        reason = self._reason()
        self.remove()
        raise NotReadyError(f"the guest {self.name} {what}: {reason}", "allow more time or more memory")

    def wait_output(self, timeout: float | None = None) -> int:
        """Wait for the payload's first output; its time in monotonic ns.

        Raises:
            NotReadyError: none came within the seconds given, or before the guest ended.
        """
        serial = self._serial
        serial.wait(lambda: bool(self.first_output_ns or serial.gone_ns), timeout)
        if self.first_output_ns is None:
            raise NotReadyError(f"the payload in {self.name} gave no output")
        return self.first_output_ns

    def wait(self, timeout: float | None = None) -> int:
        """Wait until QEMU has ended; the payload's exit status, 128 + n when a signal ended it.

        Raises:
            subprocess.TimeoutExpired: it still runs.
            HypervisorError: the guest ended without reporting a status.
        """
        payload, deadline = self._agent.payload, Deadline(self.name, timeout)

        def is_over() -> bool:
            return payload is None or payload.status is None or payload.finished

        if not self._wait_gone(deadline) or not self._serial.wait(is_over, deadline.left):
            raise deadline.missed()
        if payload is None or payload.status is None:
            raise HypervisorError(
                f"the guest {self.name} ended without reporting the payload's exit status: {self._reason()}"
            )
        return payload.status

    def _wait_gone(self, deadline: Deadline) -> bool:
        """Wait for QEMU's end; once the guest has powered off, it is asked for that as libvirt asks it."""
        serial, monitor = self._serial, self._ends.monitor

        def is_gone() -> bool:
            return serial.gone_ns is not None

        def is_off() -> bool:
            return is_gone() or (monitor is not None and monitor.powered_off_ns is not None)

        if serial.wait(is_off, deadline.left) and not is_gone():
            with self._connection.unwatched():
                serial.kill(signal.SIGTERM)
                serial.wait(is_gone, _SEEN_OFF_WITHIN)
        return serial.wait(is_gone, deadline.left)

    def _reason(self) -> str:
        return why_it_ended(
            self._serial.transcript,
            log=self._connection.log(self.name),
            lost_libvirt=self._serial.abandoned,
            full=self.directory if self._is_starved() else None,
            bases=self._domain.bases,
        )

    def _is_starved(self) -> bool:
        try:
            return bool(self._connection.call("is_starved", name=self.name))
        except HypervisorError:
            return False

    def stop(self, timeout: float = 10.0) -> None:
        """Let the guest power off; end it when it has not within the seconds given, or takes no more."""
        self._note_stopping()
        deadline = Deadline(self.name, timeout)
        if self._serial.gone_ns is None and self._agent.present:
            # It may end in this moment, or have stalled.
            with contextlib.suppress(HypervisorError, subprocess.TimeoutExpired):
                self._agent.stop(deadline)
            self._wait_gone(deadline)
        self.destroy()

    def destroy(self) -> None:
        """End QEMU at once; nothing happens when it has ended."""
        if self._removed:
            return
        self._note_stopping()
        if self._serial.gone_ns is None and self.pid is not None:
            with self._connection.unwatched():
                self._serial.kill(signal.SIGKILL)
                self._serial.wait(lambda: self._serial.gone_ns is not None, _KILL_LIMIT)
        try:
            self._connection.call("destroy", name=self.name)
        except HypervisorError:
            # Who hears no answer but has seen QEMU end needs none.
            if self.pid is None or self._serial.gone_ns is None:
                raise
        self._calls.undefined_ns = self._calls.undefined_ns or time.monotonic_ns()
        self._serial.wait(lambda: self._serial.gone_ns is not None, _KILL_LIMIT)

    def save(self, directory: Path) -> None:
        """Stop the guest for good, and write into an empty directory what it needs to go on elsewhere.

        Raises:
            UsageError: it has something that can't be saved, see `vm_baseline.saving`.
            HypervisorError: QEMU can't, or the disk is full.
        """
        save(self._connection, self._domain, directory)

    def kill_emulator(self) -> None:
        """Kill QEMU, if it is ours and runs, and wait for nothing: what a signal handler can do."""
        self._serial.kill(signal.SIGKILL)

    def _note_stopping(self) -> None:
        if self._serial.gone_ns is None:
            self._calls.stopping_ns = self._calls.stopping_ns or time.monotonic_ns()

    def remove(self) -> None:
        """End the machine and delete all that belonged to it."""
        if self._removed:
            return
        try:
            self.destroy()
        finally:
            self._removed = True
            self._ends.release()
            self._forget(self)
