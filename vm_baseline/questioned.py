"""QEMUs that a libvirt asked what they can do, and that it didn't live to end."""

import signal
from collections.abc import Iterable
from pathlib import Path

from vm_baseline.processes import command_lines, end

_LIMIT = 10.0
_PASSES = 4


def end_questioned(places: Iterable[Path]) -> list[str]:
    """Kill every QEMU that a libvirt below one of these places asked what it can do, and didn't end.

    Returns:
        One line for each.
    """
    marks = tuple(f"unix:{place}/" for place in places)
    ended: set[int] = set()
    # It makes itself a daemon: the one it forked may have been missed.
    for _ in range(_PASSES if marks else 0):
        found = [pid for pid, words in command_lines() if any(word.startswith(marks) for word in words)]
        ended.update(pid for pid in found if end(pid, signal.SIGKILL, _LIMIT))
        if not found:
            break
    return [f"ended the QEMU that libvirt asked what it can do (process {pid})" for pid in sorted(ended)]
