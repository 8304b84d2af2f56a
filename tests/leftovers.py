"""Finds what a state root left in the kernel and in the process table."""

import os
import time
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

from tare.state import PREFIX, State
from vm_baseline.processes import command_lines

_SECONDS_TO_GO = 10
_LINKS_OF_NONE_BELOW = 2


def leftovers(state: State) -> list[str]:
    """Processes, mounts, cgroups and links that carry the name of this root, and instances' files."""
    roots = (str(state.data), str(state.run))
    found = _remaining(roots)
    mounts = Path("/proc/self/mountinfo").read_text().splitlines()
    found += [f"mount {line}" for line in mounts if any(root in line for root in roots)]
    found += [f"cgroup {group.path}" for group in _groups("/sys/fs/cgroup") if state.tag in group.name]
    return found + [f"link {name}" for name in _links(state.tag)]


def _remaining(roots: tuple[str, str]) -> list[str]:
    """Processes of those roots; a monitor that has removed its container is about to end."""
    deadline = time.monotonic() + _SECONDS_TO_GO
    while True:
        found = [f"process {pid}: {' '.join(argv)}" for pid, argv in command_lines() if _names(argv, roots)]
        if not found or time.monotonic() > deadline:
            return found
        time.sleep(0.02)


def _groups(directory: str) -> Iterator["os.DirEntry[str]"]:
    """Control groups below a directory; where the links are two, "." and that from above, there are none."""
    with os.scandir(directory) as entries:
        for entry in entries:
            if entry.is_dir(follow_symlinks=False):
                yield entry
                with suppress(FileNotFoundError):
                    if entry.stat(follow_symlinks=False).st_nlink != _LINKS_OF_NONE_BELOW:
                        yield from _groups(entry.path)


def _links(tag: str) -> list[str]:
    """Links with a tag; those of a namespace that has ended go a moment later, when the kernel gets to it."""
    deadline = time.monotonic() + _SECONDS_TO_GO
    while True:
        found = [path.name for path in Path("/sys/class/net").iterdir() if tag in path.name]
        if not any(name.startswith(f"{PREFIX}{tag}v") for name in found) or time.monotonic() > deadline:
            return found
        time.sleep(0.02)


def _names(argv: list[str], roots: tuple[str, str]) -> bool:
    return any(root in argument for argument in argv for root in roots)
