"""Finds what a state root left in the kernel and in the process table."""

import os
import time
from pathlib import Path

import psutil

from tare.state import PREFIX, State

_SECONDS_TO_GO = 10


def leftovers(state: State) -> list[str]:
    """Processes, mounts, cgroups and links that carry the name of this root, and instances' files."""
    roots = (str(state.data), str(state.run))
    found = _remaining(roots)
    mounts = Path("/proc/self/mountinfo").read_text().splitlines()
    found += [f"mount {line}" for line in mounts if any(root in line for root in roots)]
    cgroups = (Path(parent, name) for parent, names, _ in os.walk("/sys/fs/cgroup") for name in names)
    found += [f"cgroup {path}" for path in cgroups if state.tag in path.name]
    return found + [f"link {name}" for name in _links(state.tag)]


def _remaining(roots: tuple[str, str]) -> list[str]:
    """Processes of those roots; a monitor that has removed its container is about to end."""
    deadline = time.monotonic() + _SECONDS_TO_GO
    while True:
        found = [
            f"process {process.pid}: {' '.join(argv)}"
            for process, argv in _processes()
            if _names(argv, roots)
        ]
        if not found or time.monotonic() > deadline:
            return found
        time.sleep(0.02)


def _links(tag: str) -> list[str]:
    """Links with a tag; those of a namespace that has ended go a moment later, when the kernel gets to it."""
    deadline = time.monotonic() + _SECONDS_TO_GO
    while True:
        found = [path.name for path in Path("/sys/class/net").iterdir() if tag in path.name]
        if not any(name.startswith(f"{PREFIX}{tag}v") for name in found) or time.monotonic() > deadline:
            return found
        time.sleep(0.02)


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
