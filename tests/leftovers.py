"""Finds what a state root left in the kernel and in the process table."""

import os
from pathlib import Path

import psutil

from tare.state import State


def leftovers(state: State) -> list[str]:
    """Processes, mounts, cgroups and links that carry the name of this root, and instances' files."""
    roots = (str(state.data), str(state.run))
    found = [
        f"process {process.pid}: {' '.join(argv)}" for process, argv in _processes() if _names(argv, roots)
    ]
    mounts = Path("/proc/self/mountinfo").read_text().splitlines()
    found += [f"mount {line}" for line in mounts if any(root in line for root in roots)]
    cgroups = (Path(parent, name) for parent, names, _ in os.walk("/sys/fs/cgroup") for name in names)
    found += [f"cgroup {path}" for path in cgroups if state.tag in path.name]
    found += [f"link {path.name}" for path in Path("/sys/class/net").iterdir() if state.tag in path.name]
    return found


def _processes() -> list[tuple[psutil.Process, list[str]]]:
    found = []
    for process in psutil.process_iter():
        try:
            found.append((process, process.cmdline()))
        except (psutil.NoSuchProcess, psutil.ZombieProcess):
            continue
    return found


def _names(argv: list[str], roots: tuple[str, str]) -> bool:
    return any(root in argument for argument in argv for root in roots)
