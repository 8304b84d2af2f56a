"""How much of the host's memory does an idle instance take, and how much does each further one?"""

import time
from contextlib import ExitStack

import psutil

from bench.recorder import Recorder
from bench.scope import running
from bench.subject import MIB, Instance, Prepared, RunSpec, Subject
from results import Better
from results.statistics import CONFIDENCE, Estimate, slope

_IDLE = ("sh", "-c", "echo ready; exec sleep 100000")
_SETTLED = MIB // 2
_SETTLE_INTERVAL = 0.1
_SETTLE_ROUNDS = 20


def test_memory(subject: Subject, prepared: Prepared, recorder: Recorder) -> None:
    spec = RunSpec(prepared, _IDLE)
    with running(subject, spec):
        pass
    before = available()
    totals: list[tuple[float, float]] = []
    with ExitStack() as stack:
        instances: list[Instance] = []
        for count in recorder.profile.instances:
            while len(instances) < count:
                instances.append(stack.enter_context(running(subject, spec)))
            recorder.add("memavailable", "B", [before - available()], phase=str(count))
            footprints = [instance.footprint() for instance in instances]
            total = sum(footprint.memory for footprint in footprints)
            totals.append((float(count), float(total)))
            recorder.add("total", "B", [total], phase=str(count))
    marginal = slope(totals)
    recorder.add("marginal", "B", [marginal.value], notes=_interval(marginal))
    fit = psutil.virtual_memory().total / marginal.value
    recorder.add("density", "1", [int(fit)], better=Better.HIGHER)
    recorder.add("pss", "B", [footprint.pss for footprint in footprints])
    recorder.add("host-cpu", "s", [footprint.cpu for footprint in footprints])
    for part in footprints[0].parts:
        recorder.add("part", "B", [footprint.parts[part] for footprint in footprints], phase=part)
    charged = [footprint.cgroup for footprint in footprints if footprint.cgroup is not None]
    if charged:
        recorder.add("cgroup", "B", charged)


def _interval(marginal: Estimate) -> str:
    """Of this one regression."""
    if marginal.low is None or marginal.high is None:
        return ""
    low, high = marginal.low / MIB, marginal.high / MIB
    return f"{CONFIDENCE:.0%} interval of the regression: {low:.2f} to {high:.2f} MiB"


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
