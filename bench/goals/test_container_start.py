"""Goal: a container comes and goes in at most 0.8 of crun's time and 0.35 of runc's, on the same bundle."""

import os
import random
import subprocess
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path
from typing import Any

from bench.mounts import hybrid_hierarchy, without_unified_cgroup
from results.statistics import median, ratio
from runtime import ContainerSpec, Engine, Limits, bootstrap_busybox, write_bundle
from tare.state import State

_ROUNDS = 60
_WARM_UP = 3
_GOALS = {"crun": 0.8, "runc": 0.35}
_OURS = ("on disk", "in memory")


def test_container_start(benchmark: Any, tmp_path: Path) -> None:
    """Start, run and remove `/bin/true` in random order a round, with every limit; ours on either layer."""
    state = State.at(tmp_path)
    rootfs = bootstrap_busybox(state)
    spec = ContainerSpec(rootfs, ("/bin/true",), limits=Limits(memory=64 << 20, cpus=1.0, pids=100))
    in_memory = replace(spec, on_disk=False)
    bundle = write_bundle(spec, tmp_path / "bundle").parent
    samples: dict[str, dict[int, list[float]]] = {name: {} for name in (*_OURS, *_GOALS)}

    def rounds() -> None:
        with Engine(state) as engine, Path(os.devnull).open("r+b") as null:
            runs: dict[str, Callable[[], float]] = {
                "on disk": lambda: _ours(engine, spec, null.fileno()),
                "in memory": lambda: _ours(engine, in_memory, null.fileno()),
                "crun": lambda: _theirs("crun", bundle, state, null.fileno()),
                "runc": lambda: _theirs("runc", bundle, state, null.fileno()),
            }
            for number in range(-_WARM_UP, _ROUNDS):
                for name in random.sample(sorted(runs), len(runs)):
                    seconds = runs[name]()
                    if number >= 0:
                        samples[name][number] = [seconds]

    # Unsharing is of the thread, so only this one, and what it starts, sees the changed hierarchy.
    view = without_unified_cgroup() if hybrid_hierarchy() else ThreadPoolExecutor(1)
    with view as executor:
        benchmark.pedantic(lambda: executor.submit(rounds).result())
    medians = {name: median(measured).value for name, measured in samples.items()}
    benchmark.extra_info.update(seconds=samples, medians=medians)
    lines = [_verdict(benchmark, ours, samples, medians) for ours in _OURS]
    print(f"\ncontainer start to removed: {'; '.join(lines)}")


def _verdict(
    benchmark: Any, ours: str, samples: dict[str, dict[int, list[float]]], medians: dict[str, float]
) -> str:
    verdicts = []
    for name, goal in _GOALS.items():
        estimate = ratio(samples[ours], samples[name])
        benchmark.extra_info[f"ratio {ours} {name}"] = [estimate.value, estimate.low, estimate.high]
        verdicts.append(
            f"{estimate.value:.2f} [{estimate.low:.2f}, {estimate.high:.2f}] of {name}'s"
            f" {medians[name] * 1e3:.1f} ms (goal {goal}: {'met' if estimate.value <= goal else 'missed'})"
        )
    return f"{ours} {medians[ours] * 1e3:.1f} ms, {', '.join(verdicts)}"


def _ours(engine: Engine, spec: ContainerSpec, null: int) -> float:
    started = time.monotonic_ns()
    container = engine.start(spec, stdin=null, stdout=null, stderr=null)
    status = container.wait()
    container.remove()
    ended = time.monotonic_ns()
    assert status == 0
    return (ended - started) / 1e9


def _theirs(runtime: str, bundle: Path, state: State, null: int) -> float:
    argv = (runtime, "run", "--bundle", str(bundle), f"tare{state.tag}-{random.getrandbits(32):08x}")
    started = time.monotonic_ns()
    status = subprocess.run(argv, stdin=null, stdout=null, stderr=null, check=False).returncode
    ended = time.monotonic_ns()
    assert status == 0
    return (ended - started) / 1e9
