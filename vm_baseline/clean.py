"""Removing what machines of a state left behind, whoever made them and however that ended."""

import shutil
import signal
from pathlib import Path

from tare.state import State
from vm_baseline.cache import UNFINISHED
from vm_baseline.connection import Connection
from vm_baseline.errors import HypervisorError
from vm_baseline.place import domain_prefix, link_path
from vm_baseline.processes import command_lines, end, qemu_processes

_WORKER = "vm_baseline.worker"
_LIMIT = 10.0


def clean(state: State) -> list[str]:
    """End every machine of the state, and remove its files; nothing else is touched.

    Returns:
        One line for each thing removed.
    """
    lines = _end_workers(state) + _end_domains(state)
    for pid, name in qemu_processes(domain_prefix(state)):
        end(pid, signal.SIGKILL, _LIMIT)
        lines.append(f"ended the virtual machine {name} (process {pid})")
    for kind in ("vm", "libvirt"):
        for directory in sorted((state.run / kind).glob("*")):
            shutil.rmtree(directory, ignore_errors=True)
            lines.append(f"removed {directory}")
        if (state.run / kind).is_dir():
            (state.run / kind).rmdir()
    for half in [half for depth in ("*", "*/*") for half in state.data.glob(f"{depth}/{UNFINISHED}*")]:
        shutil.rmtree(half, ignore_errors=True)
        lines.append(f"removed {half}")
    link = link_path(state)
    if link.is_symlink() and link.readlink() == state.run:
        link.unlink()
        lines.append(f"removed {link}")
    return lines


def _end_workers(state: State) -> list[str]:
    places = {str(state.run), str(link_path(state))}
    lines = []
    for pid, words in list(command_lines()):
        if _WORKER in words and not places.isdisjoint(words):
            if not end(pid, signal.SIGTERM, _LIMIT):
                end(pid, signal.SIGKILL, _LIMIT)
            lines.append(f"ended the libvirt process {pid}")
    return lines


def _end_domains(state: State) -> list[str]:
    """Domains of a libvirt that is not ours, of which a machine's directory keeps the URI."""
    lines = []
    for uri in sorted({note.read_text() for note in _notes(state)}):
        try:
            connection = Connection(state, uri)
        except HypervisorError as error:
            lines.append(f"could not look for machines at {uri}: {error.what}")
            continue
        try:
            for name in connection.call("names", prefix=domain_prefix(state)):
                connection.call("destroy", name=name)
                lines.append(f"ended the virtual machine {name} at {uri}")
        finally:
            connection.close()
    return lines


def _notes(state: State) -> list[Path]:
    return list((state.run / "vm").glob("*/uri"))
