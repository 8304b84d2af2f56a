"""QEMU started by hand with the devices libvirt would give it, to judge libvirt's share of a start."""

import os
import re
import secrets
import shlex
import signal
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

from tare.state import State
from vm_baseline import monitor
from vm_baseline.hypervisor import Hypervisor
from vm_baseline.machine import Ends
from vm_baseline.place import new_place
from vm_baseline.prepared import Prepared
from vm_baseline.serial import Serial
from vm_baseline.spec import MachineSpec

_DROPPED_FLAGS = ("-S", "-no-shutdown")
_DROPPED_OPTIONS = re.compile(
    rf"-object .*masterKey0.*|-chardev socket,id=(charmonitor|{monitor.ID}),.*|-mon .*"
)


@dataclass(frozen=True)
class BareMachine:
    """A QEMU started by hand.

    Args:
        started_ns: monotonic ns just before its process was made.
        serial: its serial line.
    """

    started_ns: int
    serial: Serial


def command(native: str) -> list[str]:
    """The words of libvirt's QEMU command line without environment, monitors, and what waits for those.

    Args:
        native: what `virsh domxml-to-native qemu-argv` prints.
    """
    words = shlex.split(native)
    while "=" in words[0]:
        words.pop(0)
    kept, rest = [words[0]], words[1:]
    while rest:
        word = rest.pop(0)
        value = [rest.pop(0)] if rest and not rest[0].startswith("-") else []
        if word not in _DROPPED_FLAGS and not _DROPPED_OPTIONS.fullmatch(" ".join([word, *value])):
            kept += [word, *value]
    return kept


@contextmanager
def booted(
    state: State, hypervisor: Hypervisor, spec: MachineSpec, prepared: Prepared | None = None
) -> Iterator[BareMachine]:
    """Start QEMU for a machine without a tap; it is ended with the context.

    Raises:
        TareError: as `Hypervisor.start`.
    """
    place = new_place(state, "vm")
    nonce = secrets.token_hex(8)
    ends = Ends.open(place, nonce)
    try:
        domain = hypervisor.describe(spec, place, nonce, prepared)
        words = command(hypervisor.connection.call("native", xml=domain.xml()))
        started = time.monotonic_ns()
        with subprocess.Popen(words, stdin=subprocess.DEVNULL, stderr=subprocess.DEVNULL) as qemu:
            ends.serial.watch(os.pidfd_open(qemu.pid))
            try:
                yield BareMachine(started, ends.serial)
            finally:
                ends.serial.kill(signal.SIGKILL)
    finally:
        ends.release()
