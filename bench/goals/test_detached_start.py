"""Goals: detached containers start in a tenth of `docker run -d`'s time and take 0.5 MB beyond theirs."""

import subprocess
import time
from pathlib import Path
from statistics import mean
from typing import Any

import psutil

from bench.footprint import pss
from bench.goals.rounds import interleave, verdict
from bench.lab import Lab
from bench.subject import Image
from bench.subjects.docker import Docker
from runtime import ContainerSpec, bootstrap_busybox
from runtime.lifecycle import Containers, Settings
from tare.state import State

_COUNT = 50
_COMMAND = ("sleep", "3600")
_START_GOAL = 0.1
_MEMORY_GOAL = 512 << 10
_KERNEL = ("Slab", "KernelStack", "PageTables", "Percpu")


def test_detached_start(benchmark: Any, tmp_path: Path) -> None:
    """Fifty idle containers of each, started in turns, none of them with a network; then all removed."""
    state = State.at(tmp_path)
    rootfs = bootstrap_busybox(state)
    settings = Settings(ContainerSpec(rootfs, _COMMAND))
    with Containers(state) as containers, Lab(state) as lab:
        docker = Docker(lab)
        reference = docker.prepare(Image("busybox", rootfs)).reference
        command = (*docker._docker, "run", "--detach", "--network", "none", reference, *_COMMAND)
        started: dict[str, list[str]] = {"tarebox": [], "docker": []}
        runs = {
            "tarebox": lambda: _timed("tarebox", started, lambda: containers.run(settings)),
            "docker": lambda: _timed("docker", started, lambda: _output(command)),
        }
        samples = benchmark.pedantic(lambda: interleave(runs, _COUNT))
        shims = [
            psutil.Process(int(pid)).ppid()
            for pid in _output(
                (*docker._docker, "inspect", "--format", "{{.State.Pid}}", *started["docker"])
            ).split()
        ]
        shim = mean(pss(pid) for pid in shims)
        ours = _removal(containers, started["tarebox"]) / len(started["tarebox"])
        began = time.monotonic_ns()
        _output((*docker._docker, "rm", "--force", *started["docker"]))
        theirs = (time.monotonic_ns() - began) / 1e9 / len(started["docker"])
        watching, kernel = _memory(containers, settings)
    benchmark.extra_info |= {
        "seconds": samples,
        "removal": {"tarebox": ours, "docker": theirs},
        "bytes": {"monitor": watching, "kernel": kernel, "shim": shim},
    }
    total = watching + kernel
    print(f"\ndetached start: {verdict(benchmark, samples, 'tarebox', {'docker': _START_GOAL})}")
    print(f"removal: {ours * 1e3:.1f} ms, docker {theirs * 1e3:.1f} ms")
    print(
        f"memory beyond the payload: monitor {watching / 1024:.0f} KiB and kernel {kernel / 1024:.0f} KiB"
        f" (goal {_MEMORY_GOAL / 1024:.0f}: {'met' if total <= _MEMORY_GOAL else 'missed'}),"
        f" docker's shim alone {shim / 1024:.0f} KiB"
    )


def _timed(name: str, started: dict[str, list[str]], run: Any) -> dict[str, float]:
    began = time.monotonic_ns()
    identity = run()
    ended = time.monotonic_ns()
    started[name].append(identity.strip())
    return {name: (ended - began) / 1e9}


def _output(command: tuple[str, ...]) -> str:
    return subprocess.run(command, capture_output=True, text=True, check=True).stdout


def _removal(containers: Containers, identities: list[str]) -> float:
    began = time.monotonic_ns()
    for identity in identities:
        containers.remove(identity, force=True)
    return (time.monotonic_ns() - began) / 1e9


def _memory(containers: Containers, settings: Settings) -> tuple[float, float]:
    """Bytes of a container's monitor, shares of its program's pages among all, and of the kernel."""
    before = _kernel_bytes()
    identities = [containers.run(settings) for _ in range(_COUNT)]
    kernel = (_kernel_bytes() - before) / _COUNT
    watching = mean(pss(containers.find(identity).state["monitor"]) for identity in identities)
    _removal(containers, identities)
    return watching, kernel


def _kernel_bytes() -> int:
    lines = Path("/proc/meminfo").read_text().splitlines()
    values = {name: int(value.split()[0]) * 1024 for name, value in (line.split(":") for line in lines)}
    return sum(values.get(name, 0) for name in _KERNEL)
