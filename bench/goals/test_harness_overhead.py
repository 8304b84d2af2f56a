"""Goal: the harness adds at most 1 ms to what it times, judged by hyperfine on the same command."""

import random
from pathlib import Path
from typing import Any

from bench.goals.hyperfine import hyperfine
from bench.lab import Lab
from bench.subject import Image, Prepared, RunSpec
from bench.subjects.host import Host
from results.statistics import median, ratio
from runtime import bootstrap_busybox
from tare.state import State

_BLOCKS = 10
_RUNS = 40
_GOAL = 1e-3


def test_harness_overhead(benchmark: Any, tmp_path: Path) -> None:
    """Blocks of hyperfine and of our startup timing in random order, on `chroot ROOTFS echo ready`."""
    state = State.at(tmp_path)
    rootfs = bootstrap_busybox(state)
    host = Host(Lab(state))
    spec = RunSpec(Prepared(Image("busybox", rootfs), str(rootfs)), ("echo", "ready"))
    command = ("chroot", str(rootfs), "echo", "ready")
    ours: dict[int, list[float]] = {}
    external: dict[int, list[float]] = {}

    def blocks() -> None:
        for block in range(_BLOCKS):
            for timer in random.sample(("harness", "hyperfine"), 2):
                if timer == "harness":
                    ours[block] = _harness(host, spec)
                else:
                    external[block] = hyperfine(command, tmp_path / "hyperfine.json", runs=_RUNS)

    benchmark.pedantic(blocks)
    reference = median(external)
    estimate = ratio(ours, external)
    assert estimate.low is not None
    assert estimate.high is not None
    added = [(value - 1) * reference.value for value in (estimate.value, estimate.low, estimate.high)]
    benchmark.extra_info.update(harness=ours, hyperfine=external, added=added)
    print(
        f"\nharness overhead: {added[0] * 1e3:+.2f} ms [{added[1] * 1e3:+.2f}, {added[2] * 1e3:+.2f}]"
        f" on a command of {reference.value * 1e3:.2f} ms by hyperfine,"
        f" {median(ours).value * 1e3:.2f} ms by the harness;"
        f" goal at most {_GOAL * 1e3:g} ms: {'met' if added[0] <= _GOAL else 'missed'}"
    )


def _harness(host: Host, spec: RunSpec) -> list[float]:
    seconds = []
    for _ in range(_RUNS):
        instance = host.start(spec)
        instance.wait_ready(10)
        instance.wait(10)
        instance.remove()
        seconds.append(instance.timeline.seconds()["exit"])
    return seconds
