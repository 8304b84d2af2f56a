"""Harness and subjects on different CPUs, where there are enough (sched_setaffinity(2), inherited).

Everything is started on the subjects' CPUs. Only while the harness waits for an event it is on its own, so
that waking up for it takes no CPU from a subject. Some give what they start all CPUs again: `bench.peer` has
them in a control group without the harness's, and libvirt is told the subjects' by each machine.
"""

import os
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

_FEWEST = 4
_TOPOLOGY = Path("/sys/devices/system/cpu")


@dataclass(frozen=True)
class Division:
    """Numbers of CPUs: the harness's, which are all threads of one core, and the subjects'."""

    harness: frozenset[int]
    subjects: frozenset[int]

    def __str__(self) -> str:
        harness, subjects = (" ".join(map(str, sorted(cpus))) for cpus in (self.harness, self.subjects))
        return f"harness on CPU {harness}, subjects on {subjects}"


def divided(cpus: frozenset[int], topology: Path = _TOPOLOGY) -> Division | None:
    """The lowest core for the harness; None when there are fewer than four CPUs or only one core."""
    first = min(cpus)
    try:
        text = (topology / f"cpu{first}/topology/thread_siblings_list").read_text()
    except OSError:
        text = str(first)
    harness = frozenset(_numbers(text)) & cpus | {first}
    return Division(harness, cpus - harness) if len(cpus) >= _FEWEST and cpus - harness else None


def _numbers(text: str) -> Iterator[int]:
    """Of a list such as "0-1,4" (Linux Documentation/admin-guide/cputopology.rst)."""
    for part in text.strip().split(","):
        low, _, high = part.partition("-")
        yield from range(int(low), int(high or low) + 1)


_current: list[Division] = []


@contextmanager
def apart(division: Division | None) -> Iterator[str]:
    """What this thread starts runs on the subjects' CPUs; yields how they are divided, for a person."""
    before = os.sched_getaffinity(0)
    if division is None:
        yield f"none: harness and subjects share {len(before)} CPUs, {_FEWEST} are needed to part them"
        return
    os.sched_setaffinity(0, division.subjects)
    _current.append(division)
    try:
        yield str(division)
    finally:
        _current.pop()
        os.sched_setaffinity(0, before)


def subjects_cpus() -> frozenset[int]:
    """Where subjects belong; none when they share the harness's."""
    return _current[-1].subjects if _current else frozenset()


def allowed(pid: int, proc: Path = Path("/proc")) -> frozenset[int]:
    """CPUs that any thread of a process may run on (Cpus_allowed_list of proc_pid_status(5)).

    Raises:
        OSError: it has ended.
    """
    found: set[int] = set()
    for task in (proc / str(pid) / "task").iterdir():
        lines = (task / "status").read_text().splitlines()
        fields = dict(line.split(":", 1) for line in lines)
        found.update(_numbers(fields["Cpus_allowed_list"]))
    return frozenset(found)


@contextmanager
def waiting() -> Iterator[None]:
    """This thread waits, and starts nothing, on the harness's CPUs."""
    if not _current:
        yield
        return
    os.sched_setaffinity(0, _current[-1].harness)
    try:
        yield
    finally:
        os.sched_setaffinity(0, _current[-1].subjects)
