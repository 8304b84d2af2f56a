"""One running virtual machine."""

import contextlib
import shutil
import signal
import subprocess
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from vm_baseline.agent import Agent
from vm_baseline.connection import Connection
from vm_baseline.domain import Domain
from vm_baseline.errors import HypervisorError, NotReadyError
from vm_baseline.initramfs import script
from vm_baseline.kernel import Kernel
from vm_baseline.serial import Serial
from vm_baseline.spec import Accelerator

_KILL_LIMIT = 10.0


@dataclass(frozen=True)
class Ends:
    """The host's ends of a machine, made before QEMU starts.

    Args:
        directory: with all files of the instance.
        serial: the serial line.
        agent: the command channel.
    """

    directory: Path
    serial: Serial
    agent: Agent

    def release(self) -> None:
        """Close and delete everything; may be called twice."""
        self.serial.close()
        self.agent.close()
        shutil.rmtree(self.directory, ignore_errors=True)


class Machine:
    """A virtual machine that `Hypervisor.start` made.

    Args:
        connection: to the libvirt that runs it.
        domain: its description.
        ends: the host's ends of it.
        kernel: it boots.
        environment: for commands run in it.
        pid: QEMU's process, or None when it can't be seen from here.
        times: `asked_ns` and `created_ns`, around libvirt's part of the start.
        ready_timeout: seconds `wait_ready` waits if not told otherwise.
        forget: called when it has been removed.
    """

    def __init__(
        self,
        connection: Connection,
        domain: Domain,
        ends: Ends,
        kernel: Kernel,
        environment: Mapping[str, str],
        pid: int | None,
        times: Mapping[str, int],
        ready_timeout: float,
        forget: Callable[["Machine"], None],
    ) -> None:
        self.name = domain.name
        self.kernel = kernel
        self.pid = pid
        self.asked_ns = times["asked_ns"]
        self.created_ns = times["created_ns"]
        self._connection = connection
        self._domain = domain
        self._ends = ends
        self._serial = ends.serial
        self._environment = environment
        self._ready_timeout = ready_timeout
        self._forget = forget
        self._removed = False

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
    def directory(self) -> Path:
        """The instance's files (overlay disk, initramfs, sockets)."""
        return self._ends.directory

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
        """Monotonic ns of the payload's first output."""
        return self._serial.first_output_ns

    @property
    def exited_ns(self) -> int | None:
        """Monotonic ns of QEMU's end."""
        return self._serial.gone_ns

    @property
    def output(self) -> bytes:
        """The payload's output so far, stdout and stderr together."""
        return bytes(self._serial.transcript.output)

    def wait_ready(self, timeout: float | None = None) -> int:
        """Wait for the ready line; its time in monotonic ns.

        Raises:
            NotReadyError: it did not come within the seconds given, or the guest ended; it is removed.
        """
        limit = self._ready_timeout if timeout is None else timeout
        serial = self._serial
        in_time = serial.wait(lambda: bool(serial.ready_ns or serial.gone_ns), limit)
        if serial.ready_ns is not None:
            return serial.ready_ns
        last = serial.transcript.last_line()
        self.remove()
        what = (
            "ended before it was ready" if in_time else f"was not ready within {limit:g} s and has been ended"
        )
        heard = f"its last words were {last!r}" if last else "it said nothing"
        raise NotReadyError(f"the guest {self.name} {what}: {heard}", "allow more time or more memory")

    def wait_output(self, timeout: float | None = None) -> int:
        """Wait for the payload's first output; its time in monotonic ns.

        Raises:
            NotReadyError: none came within the seconds given, or before the guest ended.
        """
        serial = self._serial
        serial.wait(lambda: bool(serial.first_output_ns or serial.gone_ns), timeout)
        if serial.first_output_ns is None:
            raise NotReadyError(f"the payload in {self.name} gave no output")
        return serial.first_output_ns

    def wait(self, timeout: float | None = None) -> int:
        """Wait until QEMU has ended; the payload's exit status, 128 + n when a signal ended it.

        Raises:
            subprocess.TimeoutExpired: it still runs.
            HypervisorError: the guest ended without reporting a status.
        """
        serial = self._serial
        if not serial.wait(lambda: serial.gone_ns is not None, timeout):
            raise subprocess.TimeoutExpired(self.name, timeout or 0)
        if serial.transcript.status is None:
            raise HypervisorError(f"the guest {self.name} ended without reporting the payload's exit status")
        return serial.transcript.status

    def exec(
        self, argv: Sequence[str], *, stdin: bytes | None = None, timeout: float | None = None
    ) -> subprocess.CompletedProcess[bytes]:
        """Run a command in the guest; its output goes through the guest's memory.

        Raises:
            subprocess.TimeoutExpired: it took longer than the seconds given; it was killed.
            HypervisorError: the guest ended meanwhile.
        """
        return self._ends.agent.run(argv, script(argv, self._environment), stdin or b"", timeout)

    def stop(self, timeout: float = 10.0) -> None:
        """Let the guest power off; end it when it has not within the seconds given."""
        if self._serial.gone_ns is None and self._ends.agent.present:
            with contextlib.suppress(HypervisorError):  # it may end in this moment
                self._ends.agent.stop()
            self._serial.wait(lambda: self._serial.gone_ns is not None, timeout)
        self.destroy()

    def destroy(self) -> None:
        """End QEMU at once; nothing happens when it has ended."""
        if self._removed:
            return
        if self._serial.gone_ns is None and self.pid is not None:
            self._serial.kill(signal.SIGKILL)
            self._serial.wait(lambda: self._serial.gone_ns is not None, _KILL_LIMIT)
        self._connection.call("destroy", name=self.name)
        self._serial.wait(lambda: self._serial.gone_ns is not None, _KILL_LIMIT)

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
