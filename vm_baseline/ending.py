"""Ending what machines left running, whoever started them; QEMU outlives the process that did."""

import signal
from collections.abc import Iterable
from pathlib import Path

from tare.state import State
from vm_baseline.connection import WORKER, Connection
from vm_baseline.errors import HypervisorError
from vm_baseline.place import URI_NOTE, domain_prefix, take_abandoned
from vm_baseline.processes import command_lines, end, qemu_processes
from vm_baseline.questioned import end_questioned

_LIMIT = 10.0


def end_abandoned(state: State) -> list[str]:
    """End the machines whose process is dead, with the libvirt that ran them, and remove their files.

    Returns:
        One line for each thing ended.
    """
    libvirts, machines = take_abandoned(state, "libvirt"), take_abandoned(state, "vm")
    roots = [libvirt.run for libvirt in libvirts]
    lines = end_processes(WORKER, {str(root) for root in roots}, "libvirt") if roots else []
    lines += end_questioned(roots)
    for machine in machines:
        name = domain_prefix(state) + machine.name
        lines += end_domains(state, name, [machine.data]) + end_emulators(name)
    for place in (*libvirts, *machines):
        place.remove()
    return lines


def end_processes(module: str, places: Iterable[str], what: str) -> list[str]:
    """End the Python processes that run a module of ours with one of these paths as an argument."""
    wanted = set(places)
    found = [pid for pid, words in command_lines() if module in words and not wanted.isdisjoint(words)]
    for pid in found:
        # Another may wait for one that is stopped.
        end(pid, signal.SIGCONT, 0)
    for pid in found:
        if not end(pid, signal.SIGTERM, _LIMIT):
            end(pid, signal.SIGKILL, _LIMIT)
    return [f"ended the {what} process {pid}" for pid in found]


def end_domains(state: State, prefix: str, directories: Iterable[Path]) -> list[str]:
    """End domains of a libvirt that is not ours, of which a machine's directory keeps the URI."""
    notes = [directory / URI_NOTE for directory in directories]
    lines = []
    for uri in sorted({note.read_text() for note in notes if note.is_file()}):
        try:
            connection = Connection(state, uri)
        except HypervisorError as error:
            lines.append(f"could not look for machines at {uri}: {error.what}")
            continue
        try:
            for name in connection.call("names", prefix=prefix):
                connection.call("destroy", name=name)
                lines.append(f"ended the virtual machine {name} at {uri}")
        finally:
            connection.close()
    return lines


def end_emulators(prefix: str) -> list[str]:
    """Kill every QEMU whose guest name starts so."""
    lines = []
    for pid, name in qemu_processes(prefix):
        end(pid, signal.SIGKILL, _LIMIT)
        lines.append(f"ended the virtual machine {name} (process {pid})")
    return lines
