"""Removing what machines of a state left behind, whoever made them and however that ended."""

import shutil

from tare.state import State
from vm_baseline.cache import UNFINISHED
from vm_baseline.connection import WORKER
from vm_baseline.detached import DIRECTORY, KEEPER
from vm_baseline.ending import end_domains, end_emulators, end_processes
from vm_baseline.place import data_directory, domain_prefix, link_path
from vm_baseline.questioned import end_questioned


def clean(state: State) -> list[str]:
    """End every machine of the state, and remove its files; nothing else is touched.

    Returns:
        One line for each thing removed.
    """
    places = (str(state.run), str(link_path(state)))
    lines = end_processes(KEEPER, places, "keeper")
    lines += end_processes(WORKER, places, "libvirt")
    lines += end_questioned(path / "libvirt" for path in (state.run, link_path(state)))
    data = data_directory(state)
    lines += end_domains(state, domain_prefix(state), sorted(data.glob("vm/*")))
    lines += end_emulators(domain_prefix(state))
    for parent in [root / kind for kind in ("vm", "libvirt", DIRECTORY) for root in (state.run, data)]:
        for directory in sorted(parent.glob("*")):
            shutil.rmtree(directory, ignore_errors=True)
            lines.append(f"removed {directory}")
        if parent.is_dir():
            parent.rmdir()
    if data.is_dir():
        data.rmdir()
    for half in [half for depth in ("*", "*/*") for half in state.data.glob(f"{depth}/{UNFINISHED}*")]:
        shutil.rmtree(half, ignore_errors=True)
        lines.append(f"removed {half}")
    link = link_path(state)
    if link.is_symlink() and link.readlink() == state.run:
        link.unlink()
        lines.append(f"removed {link}")
    return lines
