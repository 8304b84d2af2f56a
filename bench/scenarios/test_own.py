"""How does an image of your own do under a load of your own?"""

from collections.abc import Callable
from contextlib import ExitStack
from typing import Any

from bench.load import run_load
from bench.recorder import Recorder
from bench.subject import Footprint, Instance, Prepared, Subject
from bench.workload import Workload


def test_own(
    weigh: Callable[..., Any], subject: Subject, prepared: Prepared, workload: Workload, recorder: Recorder
) -> None:
    spec = workload.spec(prepared)
    printed: list[str] = []

    def begin() -> tuple[tuple[Instance, str, Footprint], dict[str, Any]]:
        instance = subject.start(spec)
        stack.callback(instance.remove)
        ready = workload.ready.wait(instance, workload.timeout)
        recorder.add("time", "s", [(ready - instance.timeline.started) / 1e9], phase="ready")
        address = instance.address() if spec.network else None
        return (instance, workload.load_on(address), instance.footprint()), {}

    def load(_: Instance, command: str, __: Footprint) -> None:
        printed.append(run_load(command, workload.timeout))

    def keep(instance: Instance, _: str, before: Footprint) -> None:
        recorder.add("host-cpu", "s", [instance.footprint().cpu - before.cpu])
        output = printed.pop()
        for reading in workload.readings:
            recorder.add(reading.name, reading.unit, [reading.read(output)], better=reading.better)
        stack.close()

    with ExitStack() as stack:
        weigh(load, setup=begin, teardown=keep, rounds=recorder.rounds)
