"""How long does it take to end an instance that runs, and until nothing of it is left?"""

import time

from bench.recorder import Recorder
from bench.scope import running
from bench.subject import Prepared, RunSpec, Subject

MAIN = ("time", "removed")

_IDLE = ("sh", "-c", "echo ready; exec sleep 100000")


def test_stop(subject: Subject, prepared: Prepared, recorder: Recorder) -> None:
    for _ in range(recorder.rounds):
        with running(subject, RunSpec(prepared, _IDLE), recorder.profile.limit) as instance:
            begun = time.monotonic_ns()
            instance.stop()
            stopped = time.monotonic_ns()
            instance.remove()
            removed = time.monotonic_ns()
        recorder.add("time", "s", [(stopped - begun) / 1e9], phase="stopped")
        recorder.add("time", "s", [(removed - begun) / 1e9], phase="removed")
