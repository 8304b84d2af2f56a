"""Finds what machines of a state left behind."""

from pathlib import Path

from tare.state import State
from vm_baseline.place import data_directory, domain_prefix, link_path
from vm_baseline.processes import command_lines

PROFILES = ("vm-micro", "vm-q35")


def remains(state: State) -> list[str]:
    """What a state left behind: processes, links, taps and instance files."""
    marks = (str(state.run), domain_prefix(state), str(link_path(state)))
    found = [
        f"process {pid} {' '.join(words)[:200]}"
        for pid, words in command_lines()
        if any(m in w for w in words for m in marks)
    ]
    found += map(str, directories(state, "vm", "libvirt"))
    return found + [path.name for path in Path("/sys/class/net").glob(f"*{state.tag}*")]


def directories(state: State, *kinds: str) -> list[Path]:
    """Those of instances of these kinds, with their files and with their sockets."""
    roots = (state.run, data_directory(state))
    return [path for kind in kinds for root in roots for path in (root / kind).glob("*")]
