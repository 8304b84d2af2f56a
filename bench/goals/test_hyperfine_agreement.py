"""Goal: hyperfine and the scenario startup agree within 3 % or 0.3 ms on runc, crun and docker.

Before each start of both the kernel is at rest, as before each round of the scenario: hyperfine's runs would
follow each other more closely, and miss a grace period of RCU that every other start waits for.
"""

import random
from pathlib import Path
from typing import Any

import pytest

from bench.goals.hyperfine import hyperfine
from bench.image import DEFAULT, find
from bench.lab import Lab
from bench.registry import all_subjects
from bench.subject import RunSpec
from results.statistics import median, ratio
from tare.state import State

_BLOCKS = 40
_RUNS = 3
_WARM_UP = 1
_TIMEOUT = 60.0
_SHARE = 0.03
_SECONDS = 0.3e-3


@pytest.mark.parametrize("name", ["runc", "crun", "docker"])
def test_hyperfine_agreement(benchmark: Any, tmp_path: Path, name: str) -> None:
    """Short blocks of hyperfine and of our timing in random order, on the very command that is started."""
    ours: dict[int, list[float]] = {}
    external: dict[int, list[float]] = {}
    with Lab(State.default()) as lab:
        subject: Any = all_subjects(lab)[name]
        spec = RunSpec(subject.prepare(find(lab.state, DEFAULT)), ("echo", "ready"))

        def harness(runs: int) -> list[float]:
            seconds = []
            for _ in range(runs):
                lab.settle()
                instance = subject.start(spec)
                instance.wait_ready(_TIMEOUT)
                instance.wait(_TIMEOUT)
                instance.remove()
                seconds.append(instance.timeline.seconds()["exit"])
            return seconds

        def second_opinion() -> list[float]:
            instance = subject.start(spec)
            try:
                instance.wait(_TIMEOUT)
                return hyperfine(
                    instance._command.process.args,
                    tmp_path / "hyperfine.json",
                    runs=_RUNS,
                    warm_up=_WARM_UP,
                    forget=instance._file,
                    rests=True,
                    executor=subject.program.executor,
                    env=subject.program.env,
                )
            finally:
                instance.remove()

        def blocks() -> None:
            for block in range(_BLOCKS):
                for timer in random.sample(("harness", "hyperfine"), 2):
                    if timer == "harness":
                        ours[block] = harness(_WARM_UP + _RUNS)[_WARM_UP:]
                    else:
                        external[block] = second_opinion()

        benchmark.pedantic(blocks)
    reference, estimate = median(external).value, ratio(ours, external)
    assert estimate.low is not None
    assert estimate.high is not None
    apart = abs(estimate.value - 1)
    met = apart <= _SHARE or apart * reference <= _SECONDS
    benchmark.extra_info.update(harness=ours, hyperfine=external)
    print(
        f"\n{name}: {median(ours).value * 1e3:.2f} ms by the harness, {reference * 1e3:.2f} ms by hyperfine,"
        f" ratio {estimate.value:.3f} [{estimate.low:.3f}, {estimate.high:.3f}];"
        f" goal within {_SHARE:.0%} or {_SECONDS * 1e3:g} ms: {'met' if met else 'missed'}"
    )
