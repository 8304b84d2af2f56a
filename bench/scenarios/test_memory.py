"""How much of the host's memory does an idle instance take, and how much does each further one?"""

import time
from contextlib import ExitStack

import psutil

from bench.recorder import Recorder
from bench.scope import running
from bench.subject import MIB, Instance, Prepared, RunSpec, Subject
from results.statistics import slope

_IDLE = ("sh", "-c", "echo ready; exec sleep 100000")
_SETTLED = MIB // 2
_SETTLE_INTERVAL = 0.1
_SETTLE_ROUNDS = 20


def test_memory(subject: Subject, prepared: Prepared, recorder: Recorder) -> None:
    spec = RunSpec(prepared, _IDLE)
    with running(subject, spec):
        pass
    before = available()
    drops: list[tuple[float, float]] = [(0.0, 0.0)]
    with ExitStack() as stack:
        instances: list[Instance] = []
        for count in recorder.profile.instances:
            while len(instances) < count:
                instances.append(stack.enter_context(running(subject, spec)))
            drop = before - available()
            drops.append((float(count), float(drop)))
            recorder.add("memavailable", "B", [drop], phase=str(count))
        footprints = [instance.footprint() for instance in instances]
    recorder.add("slope", "B", [slope(drops).value])
    recorder.add("pss", "B", [footprint.pss for footprint in footprints])
    charged = [footprint.cgroup for footprint in footprints if footprint.cgroup is not None]
    if charged:
        recorder.add("cgroup", "B", charged)


def available() -> int:
    """MemAvailable in bytes (proc_meminfo(5)), once two readings agree, since memory is freed lazily."""
    last = psutil.virtual_memory().available
    for _ in range(_SETTLE_ROUNDS):
        time.sleep(_SETTLE_INTERVAL)
        now = psutil.virtual_memory().available
        if abs(now - last) < _SETTLED:
            return now
        last = now
    return last
