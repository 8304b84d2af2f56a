"""How many instances start in a second when several are started at once, and how long does the last wait?"""

import os
from contextlib import ExitStack

from bench.concurrently import concurrently
from bench.recorder import Recorder
from bench.scope import running
from bench.subject import Instance, Prepared, RunSpec, Subject
from results import Better, Kind
from results.statistics import percentile

_IDLE = ("sh", "-c", "echo ready; exec sleep 100000")


def test_startup_concurrent(subject: Subject, prepared: Prepared, recorder: Recorder) -> None:
    spec = RunSpec(prepared, _IDLE)
    with running(subject, spec, recorder.profile.limit):
        pass
    for count in _counts(subject, recorder.profile.together):
        for _ in range(recorder.rounds):
            _start(count, subject, spec, recorder)


def _counts(subject: Subject, counts: tuple[int, ...]) -> tuple[int, ...]:
    """An emulated machine keeps a processor busy while it starts, so no more of them than there are."""
    if subject.kind is Kind.VM and subject.accelerator == "tcg":
        processors = len(os.sched_getaffinity(0))
        return tuple(count for count in counts if count <= max(processors, min(counts)))
    return counts


def _start(count: int, subject: Subject, spec: RunSpec, recorder: Recorder) -> None:
    with ExitStack() as stack:

        def start() -> int:
            instance: Instance = subject.start(spec)
            stack.callback(instance.remove)
            ready = instance.wait_ready(recorder.profile.limit).first_output
            assert ready is not None
            return ready

        begun, ready = concurrently([start] * count)
        seconds = [(at - begun) / 1e9 for at in ready]
    recorder.add("first-output", "s", seconds, phase=str(count))
    recorder.add("p99", "s", [percentile(seconds, 99)], phase=str(count))
    recorder.add("throughput", "1/s", [count / max(seconds)], phase=str(count), better=Better.HIGHER)
