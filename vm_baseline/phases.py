"""The points of a machine's life, each with the host's time; docs/vm-phases.md says how each is seen."""

import itertools
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from enum import StrEnum

from vm_baseline.monitor import STAMP_NS, Monitor
from vm_baseline.serial import Serial

_EXACT_NS = 1
"""Of a stamp taken when something arrives: the clock's own, clock_getres(2)."""
_SAID_NS = 1_000_000
"""From when the guest reads its clock for a line to that line's first character, at most."""


class Point(StrEnum):
    """A point of a machine's life, in their usual order."""

    CALLED = "called"
    DEFINED = "defined"
    PROCESS = "process"
    WAITING = "waiting"
    RUNNING = "running"
    FIRMWARE_DONE = "firmware-done"
    KERNEL = "kernel"
    INIT = "init"
    READY = "ready"
    OUTPUT = "first-output"
    STOPPING = "stopping"
    POWERED_OFF = "powered-off"
    STOPPED = "stopped"
    UNDEFINED = "undefined"


class Source(StrEnum):
    """What a time was taken from."""

    CALL = "our call"
    LIBVIRT = "libvirt call"
    KERNEL = "host kernel"
    QMP = "QMP"
    SERIAL = "serial line"
    GUEST = "guest clock"
    CHANNEL = "channel"
    PIDFD = "pidfd"


ABSENT = {
    Point.PROCESS: "QEMU's process can't be seen from here, or was there before",
    Point.WAITING: "QEMU has no monitor of ours, or waited before",
    Point.RUNNING: "the processors have not been let go",
    Point.FIRMWARE_DONE: "firmware that loads the kernel by itself ends where the kernel starts",
    Point.KERNEL: "the kernel has said nothing on the serial line",
    Point.INIT: "nothing has told the guest's own time",
    Point.READY: "the guest has not said that it is ready",
    Point.OUTPUT: "there has been no output",
    Point.STOPPING: "nobody has asked it to stop",
    Point.POWERED_OFF: "the guest has not powered off by itself",
    Point.STOPPED: "QEMU has not ended",
    Point.UNDEFINED: "it has not been removed",
}
"""Why a machine has not, or not yet, passed a point."""


@dataclass
class Calls:
    """When the host did what, in monotonic ns; None until then.

    Args:
        called_ns: our start was called.
        asked_ns: libvirt was asked to make the domain.
        created_ns: it had done so.
        process_ns: QEMU's process was started, or None where it can't be seen.
        process_resolution_ns: of that.
        output_ns: the first output came.
        stopping_ns: our stop or destroy was called on a machine that ran.
        undefined_ns: libvirt knew nothing of it any more.
    """

    called_ns: int
    asked_ns: int
    created_ns: int
    process_ns: int | None = None
    process_resolution_ns: int = _EXACT_NS
    output_ns: int | None = None
    stopping_ns: int | None = None
    undefined_ns: int | None = None


@dataclass(frozen=True)
class Phase:
    """One point that a machine has passed.

    Args:
        point: which.
        at_ns: the host's CLOCK_MONOTONIC.
        source: what that was taken from.
        resolution_ns: the event was no further from `at_ns` than that, apart from how long a thread of ours
            took to wake up.
    """

    point: Point
    at_ns: int
    source: Source
    resolution_ns: int = _EXACT_NS


@dataclass(frozen=True)
class Phases:
    """The points a machine has passed, in order of time, each once."""

    passed: tuple[Phase, ...]

    def __iter__(self) -> Iterator[Phase]:
        return iter(self.passed)

    def __getitem__(self, point: Point) -> Phase:
        """Raises: KeyError, with the reason, for a point it has not passed."""
        for phase in self.passed:
            if phase.point is point:
                return phase
        raise KeyError(f"{point}: {self.absent[point]}")

    @property
    def absent(self) -> dict[Point, str]:
        """The points it has not passed, each with the reason."""
        passed = {phase.point for phase in self.passed}
        return {point: reason for point, reason in ABSENT.items() if point not in passed}

    @property
    def durations_ns(self) -> dict[Point, int]:
        """The time that led to each point, from the one before it; all together are the total."""
        return {after.point: after.at_ns - before.at_ns for before, after in itertools.pairwise(self.passed)}

    @property
    def total_ns(self) -> int:
        """From the first to the last point."""
        return self.passed[-1].at_ns - self.passed[0].at_ns


def ordered(found: Iterable[Phase]) -> Phases:
    """Points in order of time; one that is known less exactly is moved to lie between its exact neighbours.

    Args:
        found: in their usual order, the first of them exact.
    """
    points = list(found)
    for index, phase in enumerate(points):
        if phase.resolution_ns > STAMP_NS:
            earlier = points[index - 1].at_ns
            later = [other.at_ns for other in points[index + 1 :] if other.resolution_ns <= STAMP_NS]
            at = max(earlier, min([phase.at_ns, *later]))
            points[index] = replace(phase, at_ns=at)
    return Phases(tuple(sorted(points, key=lambda phase: phase.at_ns)))


def collect(calls: Calls, serial: Serial, monitor: Monitor | None, output: Source) -> Phases:
    """The points one machine has passed until now, from where their times are kept.

    Args:
        calls: what the host did.
        serial: the serial line.
        monitor: QEMU's second monitor, where there is one.
        output: where the first output comes from.
    """
    found = [
        _seen(Point.CALLED, calls.called_ns, Source.CALL),
        _seen(Point.DEFINED, calls.asked_ns, Source.LIBVIRT),
        _seen(Point.PROCESS, calls.process_ns, Source.KERNEL, calls.process_resolution_ns),
        *_monitored(calls, monitor),
        _seen(Point.FIRMWARE_DONE, serial.loader_ns, Source.SERIAL),
        _seen(Point.KERNEL, serial.kernel_ns, Source.SERIAL),
        _init(serial),
        _seen(Point.READY, serial.ready_ns, Source.SERIAL),
        _seen(Point.OUTPUT, calls.output_ns, output),
        _seen(Point.STOPPING, calls.stopping_ns, Source.CALL),
        _seen(Point.POWERED_OFF, monitor.powered_off_ns if monitor else None, Source.QMP, STAMP_NS),
        _seen(Point.STOPPED, serial.gone_ns, Source.PIDFD),
        _seen(Point.UNDEFINED, calls.undefined_ns, Source.LIBVIRT),
    ]
    return ordered(phase for phase in found if phase is not None)


def _seen(point: Point, at: int | None, source: Source, resolution: int = _EXACT_NS) -> Phase | None:
    return None if at is None else Phase(point, at, source, resolution)


def _monitored(calls: Calls, monitor: Monitor | None) -> list[Phase | None]:
    """Without a monitor, the processors were let go at some time while libvirt made the domain."""
    if monitor is None:
        asking = calls.created_ns - calls.asked_ns
        return [Phase(Point.RUNNING, calls.created_ns, Source.LIBVIRT, asking)]
    return [
        _seen(Point.WAITING, monitor.answered_ns, Source.QMP),
        _seen(Point.RUNNING, monitor.running_ns, Source.QMP, STAMP_NS),
    ]


def _init(serial: Serial) -> Phase | None:
    """By the guest's own clock, back from its ready line."""
    if serial.ready_ns is None or serial.ready_line_ns is None or serial.transcript.guest_times is None:
        return None
    first, ready = serial.transcript.guest_times
    resolution = max(serial.ready_ns - serial.ready_line_ns, _SAID_NS)
    return Phase(Point.INIT, serial.ready_ns - (ready - first), Source.GUEST, resolution)
