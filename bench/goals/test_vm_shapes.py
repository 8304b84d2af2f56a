"""Goals: a machine that goes on from a saved guest gives its first output within 0.35 times what one that
boots needs, and one from a pool within 0.1 s.

All are started through libvirt with the payload they are to run. The guest was saved, and the pool is full,
before a start is timed.
"""

import random
import tempfile
from pathlib import Path
from time import monotonic_ns
from typing import Any

from bench.goals.rounds import Samples
from results.statistics import median, ratio
from runtime import bootstrap_busybox
from tare.state import State
from vm_baseline import Hypervisor, MachineSpec, Prepared
from vm_baseline.phases import Point

_ROUNDS = 10
_PROFILES = ("vm-q35", "vm-restored", "vm-pool")
_RATIO_GOAL = 0.35
_POOL_GOAL = 0.1
_LIMIT = 120.0


def test_vm_shapes(benchmark: Any) -> None:
    """Rounds of the three in random order, each from its call to its payload's first output."""
    samples: Samples = {profile: {} for profile in _PROFILES}
    split: dict[str, dict[Point, list[float]]] = {profile: {} for profile in _PROFILES}
    with tempfile.TemporaryDirectory(prefix="tare-goal-") as name:
        state = State.at(Path(name))
        rootfs = bootstrap_busybox(state)
        specs = {profile: MachineSpec(profile, rootfs, argv=("echo", "up")) for profile in _PROFILES}
        with Hypervisor(state) as hypervisor:
            shared = {profile: hypervisor.prepare(spec) for profile, spec in specs.items()}

            def rounds() -> None:
                for number in range(-1, _ROUNDS):
                    for profile in random.sample(_PROFILES, len(_PROFILES)):
                        seconds, phases = _start(hypervisor, specs[profile], shared[profile])
                        if number >= 0:
                            samples[profile][number] = [seconds]
                            for point, duration in phases.items():
                                split[profile].setdefault(point, []).append(duration)

            benchmark.pedantic(rounds)
    estimate = ratio(samples["vm-restored"], samples["vm-q35"])
    pool = median(samples["vm-pool"]).value
    accelerator = shared["vm-q35"].proof.accelerator.value
    benchmark.extra_info.update(accelerator=accelerator, samples=samples, phases=split)
    print(
        f"\nfirst output on {accelerator}: vm-q35 {median(samples['vm-q35']).value:.3f} s,"
        f" vm-restored {median(samples['vm-restored']).value:.3f} s;"
        f" ratio {estimate.value:.3f} [{estimate.low:.3f}, {estimate.high:.3f}];"
        f" goal at most {_RATIO_GOAL:g}: {'met' if estimate.value <= _RATIO_GOAL else 'missed'};"
        f" vm-pool {pool:.3f} s, goal {_POOL_GOAL:g} s: {'met' if pool <= _POOL_GOAL else 'missed'}"
    )
    for profile in ("vm-restored", "vm-pool"):
        parts = {point: sorted(values)[len(values) // 2] for point, values in split[profile].items()}
        print(
            f"  {profile}: " + ", ".join(f"{point} +{value * 1e3:.0f} ms" for point, value in parts.items())
        )


def _start(hypervisor: Hypervisor, spec: MachineSpec, shared: Prepared) -> tuple[float, dict[Point, float]]:
    """Seconds from the call to the first output, and of its phases; the pool is full again after it."""
    called = monotonic_ns()
    machine = hypervisor.start(spec, prepared=shared)
    try:
        first = machine.wait_output(_LIMIT)
        machine.wait(_LIMIT)
        phases = machine.phases().durations_ns
    finally:
        machine.remove()
        hypervisor.settle()
    until = list(phases)[: list(phases).index(Point.OUTPUT) + 1]
    return (first - called) / 1e9, {point: phases[point] / 1e9 for point in until}
