"""Goal: of tarebox against itself, the 95 % interval of the ratio covers 1 in 93 of 100 runs or more."""

import random
from typing import Any

from bench.control import Again
from bench.image import DEFAULT, find
from bench.lab import Lab
from bench.registry import all_subjects
from bench.subject import RunSpec, Subject
from results.statistics import Estimate, ratio
from tare.state import State

_REPETITIONS = 100
_PASSES = 5
_ROUNDS = 10
_TIMEOUT = 60.0
_GOAL = 93


def test_control_coverage(benchmark: Any) -> None:
    """Each repetition is the scenario startup of the profile quick, in its order; time to first output."""
    found: list[Estimate] = []
    with Lab(State.default()) as lab:
        subject = all_subjects(lab)["tarebox"]
        spec = RunSpec(subject.prepare(find(lab.state, DEFAULT)), ("echo", "ready"))
        both = {name.name: name for name in (subject, Again(subject))}

        def repeat() -> None:
            for _ in range(_REPETITIONS):
                samples: dict[str, dict[int, list[float]]] = {name: {} for name in both}
                for pass_ in range(_PASSES):
                    for name in random.sample(sorted(both), 2):
                        samples[name][pass_] = _visit(both[name], spec)
                above, below = samples.values()
                found.append(ratio(above, below))

        benchmark.pedantic(repeat)
    covering = sum(not estimate.excludes(1) for estimate in found)
    benchmark.extra_info["intervals"] = [(each.value, each.low, each.high) for each in found]
    print(
        f"\n{covering} of {len(found)} intervals of tarebox against itself cover 1;"
        f" goal at least {_GOAL}: {'met' if covering >= _GOAL else 'missed'}"
    )


def _visit(subject: Subject, spec: RunSpec) -> list[float]:
    seconds = []
    for _ in range(_ROUNDS):
        instance = subject.start(spec)
        instance.wait_ready(_TIMEOUT)
        instance.wait(_TIMEOUT)
        instance.remove()
        seconds.append(instance.timeline.seconds()["first-output"])
    return seconds
