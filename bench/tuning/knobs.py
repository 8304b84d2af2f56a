"""The knobs, each with the value that a measurement is better with.

Sources: Linux Documentation/admin-guide/pm/cpufreq.rst (governor, boost), pm/intel_pstate.rst (no_turbo),
core-api/irq/irq-affinity.rst, admin-guide/mm/transhuge.rst, admin-guide/sysctl/kernel.rst
(perf_event_max_sample_rate); pyperf, doc/system.rst. Of what pyperf sets, the lowest frequency is left to the
governor, and turbo boost to cpufreq rather than to a register of one maker's processors.
"""

from collections.abc import Callable
from dataclasses import dataclass
from itertools import groupby
from pathlib import Path

from bench.host import text
from bench.pinning import divided
from bench.tuning.service import INACTIVE, Service
from bench.tuning.setting import File, Setting

_CPUS = "sys/devices/system/cpu"


@dataclass(frozen=True)
class Wish:
    """A setting and the value that it should have."""

    setting: Setting
    value: str


@dataclass(frozen=True)
class Knob:
    """One thing that can be set.

    Args:
        name: what it is called here.
        why: what it disturbs, for a person.
        wishes: its settings on a host whose file system begins at that root; none where the host has none.
    """

    name: str
    why: str
    wishes: Callable[[Path], list[Wish]]


def _files(*patterns: str, value: str) -> Callable[[Path], list[Wish]]:
    def wishes(root: Path) -> list[Wish]:
        found = [path for pattern in patterns for path in sorted(root.glob(pattern))]
        return [Wish(File(root, str(path.relative_to(root))), value) for path in found]

    return wishes


def _turbo(root: Path) -> list[Wish]:
    off = _files(f"{_CPUS}/intel_pstate/no_turbo", value="1")
    boost = _files(f"{_CPUS}/cpufreq/boost", f"{_CPUS}/cpufreq/policy[0-9]*/boost", value="0")
    return [*off(root), *boost(root)]


def _irqbalance(_: Path) -> list[Wish]:
    service = Service("irqbalance.service")
    return [Wish(service, INACTIVE)] if service.is_known() else []


def _interrupts(root: Path) -> list[Wish]:
    """To the harness's CPUs, where those are not the subjects' (see `bench.pinning`)."""
    cpus = [path for path in (root / _CPUS).glob("cpu[0-9]*") if text(path / "online") != "0"]
    division = divided(frozenset(int(path.name.removeprefix("cpu")) for path in cpus), root / _CPUS)
    if division is None:
        return []
    return _files("proc/irq/[0-9]*/smp_affinity_list", value=_listed(division.harness))(root)


def _listed(cpus: frozenset[int]) -> str:
    """As the kernel writes them: "0-1,4"."""
    runs = groupby(enumerate(sorted(cpus)), lambda pair: pair[1] - pair[0])
    parts = [[cpu for _, cpu in run] for _, run in runs]
    return ",".join(f"{part[0]}-{part[-1]}" if len(part) > 1 else str(part[0]) for part in parts)


KNOBS = (
    # Some drivers reset turbo with the governor, so that comes first; irqbalance would undo the interrupts.
    Knob(
        "governor",
        "a clock that follows the load is slow at the start of each measurement",
        _files(f"{_CPUS}/cpu[0-9]*/cpufreq/scaling_governor", value="performance"),
    ),
    Knob("turbo", "its clock depends on heat and on other cores", _turbo),
    Knob("irqbalance", "it moves interrupts to the subjects' CPUs", _irqbalance),
    Knob("interrupts", "they stop a subject wherever they arrive", _interrupts),
    Knob(
        "huge-pages",
        "given to all, they are made behind a measurement; QEMU asks for them",
        _files("sys/kernel/mm/transparent_hugepage/enabled", value="madvise"),
    ),
    Knob(
        "perf-sampling",
        "its interrupts take time",
        _files("proc/sys/kernel/perf_event_max_sample_rate", value="1"),
    ),
)
