"""Goals: through the library a container takes at most 0.6 of `crun run`'s time and 4.5 of a bare clone's."""

import os
import random
import subprocess
import time
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path
from typing import Any

from bench.goals.programs import compile_program
from bench.goals.rounds import interleave, verdict
from bench.mounts import hybrid_hierarchy, without_unified_cgroup
from runtime import ContainerSpec, Engine, Limits, bootstrap_busybox, plan, write_bundle
from tare.state import State

_ROUNDS = 100
_GOALS = {"crun run": 0.6, "bare clone": 4.5}


def test_oci_library(benchmark: Any, tmp_path: Path) -> None:
    """`/bin/true` from start to exit, seccomp included; by crun; and as clone3, exec and wait alone.

    Ours with its writable layer on disk and in memory; the others have none.
    """
    state = State.at(tmp_path)
    rootfs = bootstrap_busybox(state)
    limits = Limits(memory=64 << 20, cpus=1.0, pids=100)
    spec = ContainerSpec(rootfs, ("/bin/true",), limits=limits)
    in_memory = replace(spec, on_disk=False)
    bundle = write_bundle(spec, tmp_path / "bundle").parent
    bare = [compile_program("bare_clone", tmp_path), hex(plan.all_flags(spec)), f"{rootfs}/bin/true"]

    def measure() -> dict[str, dict[int, list[float]]]:
        with (
            Engine(state) as engine,
            Path(os.devnull).open("r+b") as null,
            subprocess.Popen(bare, stdin=subprocess.PIPE, stdout=subprocess.PIPE, bufsize=0) as cloner,
        ):
            crun = ("crun", "--root", str(tmp_path / "crun"), "run", "--bundle", str(bundle))
            runs = {
                "in memory": lambda: {"in memory": _library(engine, in_memory, null.fileno())},
                "on disk": lambda: {"on disk": _library(engine, spec, null.fileno())},
                "crun": lambda: {"crun run": _crun((*crun, _identity(state)), null.fileno())},
                "clone": lambda: {"bare clone": _clone(cloner)},
            }
            return interleave(runs, _ROUNDS)

    view = without_unified_cgroup() if hybrid_hierarchy() else ThreadPoolExecutor(1)
    with view as executor:
        samples = benchmark.pedantic(lambda: executor.submit(measure).result())
    benchmark.extra_info["seconds"] = samples
    for layer in ("in memory", "on disk"):
        print(f"\nstart to exit: library, layer {verdict(benchmark, samples, layer, _GOALS)}")


def _identity(state: State) -> str:
    return f"tare{state.tag}-{random.getrandbits(32):08x}"


def _library(engine: Engine, spec: ContainerSpec, null: int) -> float:
    started = time.monotonic_ns()
    container = engine.start(spec, stdin=null, stdout=null, stderr=null)
    status = container.wait()
    ended = time.monotonic_ns()
    container.remove()
    assert status == 0
    return (ended - started) / 1e9


def _crun(command: tuple[str, ...], null: int) -> float:
    started = time.monotonic_ns()
    status = subprocess.run(command, stdin=null, stdout=null, stderr=null, check=False).returncode
    ended = time.monotonic_ns()
    assert status == 0
    return (ended - started) / 1e9


def _clone(cloner: "subprocess.Popen[bytes]") -> float:
    """The cloner's own measurement, as it is asked from another process."""
    assert cloner.stdin is not None
    assert cloner.stdout is not None
    cloner.stdin.write(b"\n")
    return int(cloner.stdout.readline()) / 1e9
