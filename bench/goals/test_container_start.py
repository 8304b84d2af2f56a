"""Goal: start to exit takes at most 0.8 times `crun run` and 0.35 times `runc run` of the same bundle."""

import random
import subprocess
import time
from collections.abc import Callable
from concurrent.futures import Executor
from contextlib import ExitStack
from pathlib import Path
from typing import Any

from bench.mounts import hybrid_hierarchy, without_unified_cgroup
from results.statistics import median, ratio
from runtime import ContainerSpec, Engine, Limits
from runtime.bundle import write_bundle
from runtime.images import Images
from tare.state import State

_ROUNDS = 100
_WARMUP = 5
_GOALS = {"crun": 0.8, "runc": 0.35}
_LIMITS = Limits(memory=256 << 20, cpus=1.0, pids=512)


def test_container_start(benchmark: Any, tmp_path: Path) -> None:
    """Rounds in random order: both kinds of writable layer of ours, and the peers on the same bundle."""
    state = State.at(tmp_path)
    rootfs = Images(state).bootstrap_busybox("busybox")
    in_memory = ContainerSpec(rootfs, ("/bin/true",), limits=_LIMITS)
    on_disk = ContainerSpec(rootfs, ("/bin/true",), limits=_LIMITS, on_disk=True)
    write_bundle(in_memory, tmp_path / "bundle")
    seconds: dict[str, dict[int, list[float]]] = {}
    with ExitStack() as stack:
        engine = stack.enter_context(Engine(state))
        hidden = stack.enter_context(without_unified_cgroup()) if hybrid_hierarchy() else None
        ways: dict[str, Callable[[], float]] = {
            "tarebox": lambda: _library(engine, on_disk),
            "tarebox in memory": lambda: _library(engine, in_memory),
            "crun": lambda: _peer("crun", tmp_path, hidden),
            "runc": lambda: _peer("runc", tmp_path, None),
        }

        def rounds() -> None:
            for block in range(-_WARMUP, _ROUNDS):
                for name in random.sample(list(ways), len(ways)):
                    taken = ways[name]()
                    if block >= 0:
                        seconds.setdefault(name, {}).setdefault(block // 10, []).append(taken)

        benchmark.pedantic(rounds)
    benchmark.extra_info.update(seconds)
    print("\ncontainer start to exit and removal, medians: " + ", ".join(map(_line, seconds.items())))
    for name in ("tarebox", "tarebox in memory"):
        for peer, goal in _GOALS.items():
            estimate = ratio(seconds[name], seconds[peer])
            print(
                f"{name} / {peer} run: {estimate.value:.3f} [{estimate.low:.3f}, {estimate.high:.3f}];"
                f" goal at most {goal:g}: {'met' if estimate.value <= goal else 'missed'}"
            )


def _line(named: tuple[str, dict[int, list[float]]]) -> str:
    return f"{named[0]} {median(named[1]).value * 1e3:.2f} ms"


def _library(engine: Engine, spec: ContainerSpec) -> float:
    began = time.perf_counter()
    container = engine.start(spec)
    status = container.wait()
    container.remove()
    taken = time.perf_counter() - began
    assert status == 0
    return taken


def _peer(name: str, directory: Path, executor: Executor | None) -> float:
    argv = (
        name,
        "--root",
        str(directory / "root"),
        "run",
        "--bundle",
        str(directory / "bundle"),
        "tare-goal",
    )

    def call() -> float:
        began = time.perf_counter()
        status = subprocess.call(argv, stdin=subprocess.DEVNULL)
        taken = time.perf_counter() - began
        assert status == 0
        return taken

    return executor.submit(call).result() if executor else call()
