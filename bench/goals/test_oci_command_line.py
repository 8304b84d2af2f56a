"""Goals: `tarebox-oci run` takes at most 0.6 of runc's and 1.5 of crun's time; other commands 2 of crun's."""

import json
import os
import random
import select
import subprocess
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

from bench.goals.programs import TAREBOX_OCI, compile_program
from bench.goals.rounds import interleave, verdict
from bench.mounts import hybrid_hierarchy, without_unified_cgroup
from results.statistics import median
from runtime import ContainerSpec, Limits, bootstrap_busybox, write_bundle
from tare.state import State

_ROUNDS = 60
_PROGRAMS = {"tarebox-oci": TAREBOX_OCI, "crun": "crun", "runc": "runc"}
_RUN_GOALS = {"runc": 0.6, "crun": 1.5}
_COMMANDS = ("create", "start", "delete")
_COMMAND_GOAL = 2.0
_MEMORY_GOAL = 16 << 20


class _Runtime:
    """A runtime on the one bundle, with a state directory of its own."""

    def __init__(self, name: str, bundle: Path, tag: str) -> None:
        self.name = name
        self._bundle = str(bundle)
        self._program = (_PROGRAMS[name], "--root", str(bundle.parent / name))
        self._tag = tag

    def command(self, *arguments: str) -> tuple[str, ...]:
        return (*self._program, *arguments)

    def identity(self) -> str:
        return f"tare{self._tag}-{random.getrandbits(32):08x}"

    def run(self) -> tuple[str, ...]:
        """The command for a whole container."""
        return self.command("run", "--bundle", self._bundle, self.identity())

    def timed_run(self) -> dict[str, float]:
        return {self.name: _timed(self.run())}

    def timed_commands(self) -> dict[str, float]:
        """Seconds of each command in the life of one container."""
        identity = self.identity()
        seconds = [_timed(self.command("create", "--bundle", self._bundle, identity))]
        state = subprocess.run(self.command("state", identity), capture_output=True, check=True).stdout
        process = os.pidfd_open(json.loads(state)["pid"])
        try:
            seconds.append(_timed(self.command("start", identity)))
            select.select([process], [], [])
        finally:
            os.close(process)
        seconds.append(_timed(self.command("delete", identity)))
        return {f"{self.name} {name}": taken for name, taken in zip(_COMMANDS, seconds, strict=True)}


def test_oci_command_line(benchmark: Any, tmp_path: Path) -> None:
    """Whole runs of `/bin/true`, then lives command by command, in random order a round, with every limit."""
    runtimes = _runtimes(tmp_path)
    runs = {runtime.name: runtime.timed_run for runtime in runtimes}
    lives = {runtime.name: runtime.timed_commands for runtime in runtimes if runtime.name != "runc"}
    samples = _where_crun_runs(benchmark, lambda: interleave(runs, _ROUNDS) | interleave(lives, _ROUNDS))
    benchmark.extra_info["seconds"] = samples
    print(f"\nrun: {verdict(benchmark, samples, 'tarebox-oci', _RUN_GOALS)}")
    for name in _COMMANDS:
        goals = {f"crun {name}": _COMMAND_GOAL}
        print(f"{name}: {verdict(benchmark, samples, f'tarebox-oci {name}', goals)}")


def test_peak_memory(benchmark: Any, tmp_path: Path) -> None:
    """The most memory any process of a `run` had resident; ours is at most 16 MiB."""
    measure = compile_program("peak_memory", tmp_path)

    def peaks() -> dict[str, float]:
        return {
            runtime.name: median([_peak(measure, runtime) for _ in range(5)]).value for runtime in runtimes
        }

    runtimes = _runtimes(tmp_path)
    measured = _where_crun_runs(benchmark, peaks)
    benchmark.extra_info["bytes"] = measured
    ours = measured.pop("tarebox-oci")
    others = ", ".join(f"{name} {peak / (1 << 20):.1f} MiB" for name, peak in measured.items())
    print(
        f"\npeak memory of a run: tarebox-oci {ours / (1 << 20):.1f} MiB"
        f" (goal {_MEMORY_GOAL >> 20} MiB: {'met' if ours <= _MEMORY_GOAL else 'missed'}); {others}"
    )


def _peak(measure: str, runtime: _Runtime) -> float:
    command = (measure, *runtime.run())
    return int(subprocess.run(command, capture_output=True, check=True).stdout) * 1024.0


def _runtimes(directory: Path) -> list[_Runtime]:
    state = State.at(directory)
    limits = Limits(memory=64 << 20, cpus=1.0, pids=100)
    spec = ContainerSpec(bootstrap_busybox(state), ("/bin/true",), limits=limits)
    bundle = write_bundle(spec, directory / "bundle").parent
    return [_Runtime(name, bundle, state.tag) for name in _PROGRAMS]


def _where_crun_runs(benchmark: Any, measure: Callable[[], Any]) -> Any:
    """What `measure` returns in a thread whose children see cgroups as crun accepts them."""
    view = without_unified_cgroup() if hybrid_hierarchy() else ThreadPoolExecutor(1)
    with view as executor:
        return benchmark.pedantic(lambda: executor.submit(measure).result())


def _timed(command: tuple[str, ...]) -> float:
    started = time.monotonic_ns()
    with Path(os.devnull).open("r+b") as null:
        status = subprocess.run(command, stdin=null, stdout=null, stderr=null, check=False).returncode
    ended = time.monotonic_ns()
    assert status == 0, command
    return (ended - started) / 1e9
