"""Whether the host was quiet: what disturbs a measurement, looked at before a run and over its length.

Sources: Linux Documentation/admin-guide/pm/cpufreq.rst (governor, boost), pm/intel_pstate.rst (no_turbo),
cputopology.rst (smt/active), timers/timekeeping.rst (clocksource), proc_stat(5) (steal), proc_vmstat(5)
(pswpin, pswpout).
"""

import os
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from itertools import pairwise
from pathlib import Path
from typing import Self

import psutil

from bench.host import governors, is_virtualised, text

_MOST_LOAD = 0.25
"""Of each CPU, by what runs before us."""
_MOST_STOLEN = 0.01
_MOST_OTHERS = 0.05
"""Of one CPU."""
_KTHREADD = 2
_COARSEST = 1e-6
"""Seconds; a start of a container takes thousands of them."""
_PRECISE_CLOCKS = ("tsc", "kvm-clock", "arch_sys_counter", "hyperv_clocksource_tsc_page")


class Noise(StrEnum):
    """What a check says of the host."""

    QUIET = "quiet"
    NOISY = "noisy"
    UNTOLD = "untold"


@dataclass(frozen=True)
class Check:
    """One finding.

    Args:
        name: what was looked at.
        noise: whether it disturbs measurements; untold where the host doesn't say.
        line: what was found, and for noise what to do, for a person.
    """

    name: str
    noise: Noise
    line: str


def settings(root: Path = Path("/")) -> list[Check]:
    """What the host is set to: governor, turbo, SMT, clock, swap, virtualised or not, and its load now."""
    return [check(root) for check in _SETTINGS]


def as_json(checks: list[Check], before: Sequence[str] = ()) -> dict[str, object]:
    """For the run's host: what was noisy, now or before it was resumed, and what each check found."""
    noisy = [check.name for check in checks if check.noise is Noise.NOISY]
    return {"noisy": list(dict.fromkeys([*before, *noisy])), **{check.name: check.line for check in checks}}


@dataclass(frozen=True)
class Watch:
    """Counters of the host at a moment.

    Args:
        ns: that moment, monotonic.
        cpu: USER_HZ of all CPUs together, and of them stolen (proc_stat(5)).
        swapped: pages in and out.
        throttled: times that a CPU was slowed because it was hot; None where none says.
        others: CPU seconds of the processes that are not our descendants, by process and its start; without
            the kernel's own, which work for us too.
    """

    ns: int
    cpu: tuple[int, int]
    swapped: int
    throttled: int | None
    others: Mapping[tuple[int, float], float]

    @classmethod
    def begin(cls, root: Path = Path("/")) -> Self:
        """The counters as they are now."""
        return cls(time.monotonic_ns(), _cpu(root), _swapped(root), _throttled(root), _others())

    def end(self, root: Path = Path("/")) -> list[Check]:
        """What happened since: steal, heat, swapping, and what else computed."""
        now = self.begin(root)
        seconds = (now.ns - self.ns) / 1e9
        total, stolen = (after - before for before, after in zip(self.cpu, now.cpu, strict=True))
        share = stolen / total if total else 0.0
        used = sum(after - self.others[key] for key, after in now.others.items() if key in self.others)
        pages = now.swapped - self.swapped
        return [
            _check("steal", share > _MOST_STOLEN, f"{share:.1%} of the time was other machines'"),
            _check("swapping", pages > 0, f"{pages} pages went in or out"),
            _heat(self.throttled, now.throttled),
            _check(
                "others",
                used > _MOST_OTHERS * seconds,
                f"what ran before used {used / seconds if seconds else 0:.1%} of a CPU",
            ),
        ]


def _check(name: str, noisy: bool, line: str) -> Check:
    return Check(name, Noise.NOISY if noisy else Noise.QUIET, line)


def _governor(root: Path) -> Check:
    names = governors(root)
    if not names:
        return Check("governor", Noise.UNTOLD, "no frequency scaling to be seen")
    return _check("governor", names != ["performance"], " and ".join(names))


def _turbo(root: Path) -> Check:
    off = text(root / "sys/devices/system/cpu/intel_pstate/no_turbo")
    boost = text(root / "sys/devices/system/cpu/cpufreq/boost")
    if not off and not boost:
        return Check("turbo", Noise.UNTOLD, "no turbo to be seen")
    on = off == "0" or boost == "1"
    return _check("turbo", on, "on: the clock depends on heat and on other cores" if on else "off")


def _smt(root: Path) -> Check:
    active = text(root / "sys/devices/system/cpu/smt/active")
    if not active:
        return Check("smt", Noise.UNTOLD, "no threads of cores to be seen")
    return _check("smt", active == "1", "on: two threads share a core" if active == "1" else "off")


def _clock(root: Path) -> Check:
    source = text(root / "sys/devices/system/clocksource/clocksource0/current_clocksource") or "unknown"
    resolution = _step()
    coarse = source not in _PRECISE_CLOCKS or resolution > _COARSEST
    return _check("clock", coarse, f"{source}, steps of {resolution * 1e9:.0f} ns")


def _step() -> float:
    """Seconds of the smallest step that the monotonic clock was seen to take."""
    seen = [time.monotonic_ns() for _ in range(1000)]
    steps = [after - before for before, after in pairwise(seen) if after > before]
    return min(steps, default=10**9) / 1e9


def _swap(root: Path) -> Check:
    used = sum(int(line.split()[3]) for line in text(root / "proc/swaps").splitlines()[1:])
    return _check("swap", used > 0, f"{used} KiB in use" if used else "not in use")


def _virtualised(root: Path) -> Check:
    inside = is_virtualised(root)
    return _check("virtualised", inside, "a virtual machine itself" if inside else "bare metal")


def _load(root: Path) -> Check:
    load, cpus = float(text(root / "proc/loadavg").split()[0]), os.cpu_count() or 1
    return _check("load", load > _MOST_LOAD * cpus, f"{load:g} on {cpus} CPUs before the run")


_SETTINGS: tuple[Callable[[Path], Check], ...] = (
    _governor, _turbo, _smt, _clock, _swap, _virtualised, _load,
)  # fmt: skip


def _cpu(root: Path) -> tuple[int, int]:
    times = [int(word) for word in text(root / "proc/stat").partition("\n")[0].split()[1:]]
    # Guests' time is part of user's and nice's.
    return sum(times[:8]), times[7]


def _swapped(root: Path) -> int:
    lines = (line.split() for line in text(root / "proc/vmstat").splitlines())
    return sum(int(value) for name, value in lines if name in ("pswpin", "pswpout"))


def _throttled(root: Path) -> int | None:
    pattern = "sys/devices/system/cpu/cpu[0-9]*/thermal_throttle/*_throttle_count"
    counts = [int(text(path)) for path in root.glob(pattern)]
    return sum(counts) if counts else None


def _heat(before: int | None, after: int | None) -> Check:
    if before is None or after is None:
        return Check("heat", Noise.UNTOLD, "no counter of throttling to be seen")
    return _check("heat", after > before, f"slowed {after - before} time{'s' * (after - before != 1)}")


def _others() -> dict[tuple[int, float], float]:
    found = {}
    ours = {os.getpid(), *(child.pid for child in psutil.Process().children(recursive=True))}
    for process in psutil.process_iter():
        if process.pid not in ours:
            try:
                if _KTHREADD in (process.pid, process.ppid()):
                    continue
                times = process.cpu_times()
                found[process.pid, process.create_time()] = times.user + times.system
            except psutil.Error:
                continue
    return found
