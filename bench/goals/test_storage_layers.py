"""Goal: a start over 5 layers takes 1.1 of one over one layer, over 120 twice as long, on kept files 1.1."""

import os
import time
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

from bench.goals.rounds import interleave, verdict
from runtime import ContainerSpec, Engine, Limits, bootstrap_busybox
from tare.state import State

_ROUNDS = 60
_GOALS = {"5 layers": 1.1, "120 layers": 2.0, "kept files": 1.1}


def test_storage_layers(benchmark: Any, tmp_path: Path) -> None:
    """Start, run and remove `/bin/true` over more and more layers, in random order a round."""
    state = State.at(tmp_path)
    one = ContainerSpec(
        bootstrap_busybox(state),
        ("/bin/true",),
        limits=Limits(memory=64 << 20, cpus=1.0, pids=100),
    )
    layers = tuple(tmp_path / "layers" / str(number) for number in range(119))
    kept = tmp_path / "kept"
    for path in (*layers, kept / "upper", kept / "work"):
        path.mkdir(parents=True)
    specs = {
        "one layer": one,
        "5 layers": replace(one, layers=layers[:4]),
        "120 layers": replace(one, layers=layers),
        "kept files": replace(one, writable=kept),
    }
    with Engine(state) as engine, Path(os.devnull).open("r+b") as null:

        def timed(name: str) -> Mapping[str, float]:
            started = time.monotonic_ns()
            container = engine.start(
                specs[name], stdin=null.fileno(), stdout=null.fileno(), stderr=null.fileno()
            )
            status = container.wait()
            container.remove()
            ended = time.monotonic_ns()
            assert status == 0
            return {name: (ended - started) / 1e9}

        runs = {name: (lambda name=name: timed(name)) for name in specs}
        samples = benchmark.pedantic(lambda: interleave(runs, _ROUNDS))
    for name, goal in _GOALS.items():
        print(f"\ncontainer start: {verdict(benchmark, samples, name, {'one layer': goal})}")
