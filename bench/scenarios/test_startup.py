"""How long does a start take: until it exists, gives output, has ended, and has left nothing behind?"""

from collections.abc import Callable
from typing import Any

from bench.recorder import Recorder
from bench.subject import Instance, Prepared, RunSpec, Subject

_TIMEOUT = 120.0


def test_startup(weigh: Callable[..., Any], subject: Subject, prepared: Prepared, recorder: Recorder) -> None:
    spec = RunSpec(prepared, ("echo", "ready"))
    instances: list[Instance] = []

    def life() -> None:
        instance = subject.start(spec)
        instances.append(instance)
        instance.wait_ready(_TIMEOUT)
        instance.wait(_TIMEOUT)
        instance.remove()

    def keep() -> None:
        instance = instances.pop()
        instance.remove()
        recorder.timelines([instance.timeline])

    try:
        weigh(life, teardown=keep, rounds=recorder.rounds)
    finally:
        for instance in instances:
            instance.remove()
