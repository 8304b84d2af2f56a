"""Goals: an image runs to its end in a tenth of docker's time, on the command line in a quarter of it."""

import os
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from bench.goals.apart import apart, usual_state
from bench.goals.podman import podman
from bench.goals.rounds import Samples, interleave, verdict
from bench.image import find
from bench.lab import Lab
from bench.subjects.docker import Docker
from runtime import Limits
from runtime.clean import clean
from runtime.image.saving import save
from runtime.image.store import ImageStore
from tare.state import State

_ROUNDS = 20
_IMAGE = "busybox"
_LIMITS = Limits(memory=64 << 20, cpus=1.0, pids=100)
_OPTIONS = ("--memory", "64m", "--cpus", "1", "--pids-limit", "100")
_TAREBOX = str(Path(sys.executable).with_name("tarebox"))
_GOALS = {
    "Engine.run": {"docker run --rm": 0.1, "podman run --rm": 0.25},
    "tarebox run --rm": {"docker run --rm": 0.25},
}


def test_engine_run(benchmark: Any, tmp_path: Path) -> None:
    """`true` of the same image with an address on a bridge, limits and seccomp; in random order a round."""
    with apart() as thread:
        samples = benchmark.pedantic(lambda: thread.submit(_measure, tmp_path).result())
    benchmark.extra_info["seconds"] = samples
    for ours, goals in _GOALS.items():
        print(f"\n{verdict(benchmark, samples, ours, goals)}")


def _measure(directory: Path) -> Samples:
    with usual_state() as state, podman() as run_podman:
        try:
            with Lab(state) as lab:
                docker = Docker(lab)
                reference = docker.prepare(find(state, _IMAGE)).reference
                save(ImageStore(state), [_IMAGE], directory / "image.tar")
                run_podman.load(directory / "image.tar")
                runs = {
                    "Engine.run": lambda: lab.engine.run(_IMAGE, ("true",), limits=_LIMITS),
                    "tarebox run --rm": lambda: _tarebox(state),
                    "docker run --rm": lambda: _call(
                        (*docker.program.command, "run", "--rm", *_OPTIONS, reference, "true")
                    ),
                    "podman run --rm": lambda: run_podman("run", "--rm", *_OPTIONS, _IMAGE, "true"),
                }
                timed = {name: _timed(name, run) for name, run in runs.items()}
                return interleave(timed, _ROUNDS)
        finally:
            clean(state)


def _tarebox(state: State) -> None:
    environment = {**os.environ, "TAREBENCH_ROOT": str(state.data.parent)}
    _call((_TAREBOX, "run", "--rm", *_OPTIONS, _IMAGE, "true"), environment)


def _call(command: tuple[str, ...], environment: dict[str, str] | None = None) -> None:
    subprocess.run(command, stdin=subprocess.DEVNULL, check=True, env=environment)


def _timed(name: str, run: Callable[[], Any]) -> Callable[[], dict[str, float]]:
    def timed() -> dict[str, float]:
        started = time.monotonic_ns()
        status = run()
        seconds = (time.monotonic_ns() - started) / 1e9
        assert not isinstance(status, int) or status == 0
        return {name: seconds}

    return timed
