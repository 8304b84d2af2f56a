"""How much slower does a service answer while a neighbour burns CPU, memory bandwidth or disk?"""

import os
from contextlib import ExitStack

from bench.recorder import Recorder
from bench.scope import running
from bench.subject import Instance, Prepared, RunSpec, Subject, SubjectError, Unsupported
from results import Kind
from results.statistics import percentile

_REQUESTS = "200"
_PATIENCE = 60.0
_IDLE = ("sh", "-c", "echo ready; exec sleep 100000")
_BURN = {
    "cpu": "while :; do :; done",
    "memory": "while :; do dd if=/dev/zero of=/dev/null bs=16M count=64 2>/dev/null; done",
    "disk": "while :; do dd if=/dev/zero of=/tmp/load-$i bs=1M count=16 conv=fsync 2>/dev/null; done",
}


def test_neighbour(subject: Subject, payload: Prepared, recorder: Recorder) -> None:
    if subject.kind is Kind.HOST:
        raise Unsupported("bare processes are not kept apart, and their children are not ended with them")
    with running(subject, RunSpec(payload, _IDLE), recorder.profile.limit) as victim:
        _measure(victim, "alone", recorder)
        for load, command in _BURN.items():
            with ExitStack() as stack:
                stack.enter_context(running(subject, _neighbour(payload, command), recorder.profile.limit))
                _measure(victim, load, recorder)


def _neighbour(payload: Prepared, command: str) -> RunSpec:
    """One instance that may use all processors and does so, with a loop for each."""
    processors = len(os.sched_getaffinity(0))
    loops = f"i=0; while [ $i -lt {processors} ]; do ({command}) & i=$((i+1)); done; echo ready; wait"
    return RunSpec(payload, ("sh", "-c", loops), cpus=processors)


def _measure(victim: Instance, load: str, recorder: Recorder) -> None:
    done = victim.exec(("victim", _REQUESTS, "/tmp"), timeout=_PATIENCE)
    if done.returncode:
        raise SubjectError(f"the victim failed: {done.stderr.decode(errors='replace').strip()}")
    seconds = [int(line) / 1e9 for line in done.stdout.split()]
    recorder.add("request", "s", seconds, phase=load)
    recorder.add("p99", "s", [percentile(seconds, 99)], phase=load)
