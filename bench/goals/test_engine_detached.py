"""Goals: detached containers start in a tenth of `docker run -d`'s time and take 0.5 MB beyond theirs."""

import subprocess
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from statistics import mean
from typing import Any

import psutil

from bench.footprint import pss
from bench.goals.apart import apart, usual_state
from bench.goals.rounds import Samples, interleave, verdict
from bench.image import find
from bench.lab import Lab
from bench.subjects.docker import Docker
from runtime.clean import clean
from runtime.image.layers import unpack_layers
from runtime.image.store import ImageStore
from runtime.lifecycle import Containers, Settings
from runtime.making import RunOptions, settings
from runtime.storage import registry
from tare.state import State

_COUNT = 50
_IMAGE = "busybox"
_COMMAND = ("sleep", "3600")
_START_GOAL = 0.1
_MEMORY_GOAL = 512 << 10
_KERNEL = ("Slab", "KernelStack", "PageTables", "Percpu")


def test_engine_detached(benchmark: Any) -> None:
    """Fifty idle containers of each with an address on a bridge, started in turns; then all removed."""
    with apart() as thread:
        measured = benchmark.pedantic(lambda: thread.submit(_measure).result())
    samples, removal, memory, left = measured
    benchmark.extra_info |= {"seconds": samples, "removal": removal, "bytes": memory, "left": left}
    print(f"\ndetached start: {verdict(benchmark, samples, 'tarebox', {'docker': _START_GOAL})}")
    print(", ".join(f"removal: {name} {seconds * 1e3:.1f} ms" for name, seconds in removal.items()))
    total = memory["monitor"] + memory["kernel"]
    print(
        f"memory beyond the payload: monitor {memory['monitor'] / 1024:.0f} KiB and kernel"
        f" {memory['kernel'] / 1024:.0f} KiB"
        f" (goal {_MEMORY_GOAL / 1024:.0f}: {'met' if total <= _MEMORY_GOAL else 'missed'}),"
        f" docker's shim alone {memory['shim'] / 1024:.0f} KiB"
    )
    print(f"left behind: {', '.join(left) or 'nothing'} (goal nothing: {'missed' if left else 'met'})")


def _measure() -> tuple[Samples, dict[str, float], dict[str, float], list[str]]:
    with usual_state() as state:
        try:
            with Containers(state) as containers, Lab(state) as lab:
                found = _measure_both(state, containers, Docker(lab))
        finally:
            left = clean(state)
    # The default network stays, as docker's bridge does.
    return *found, [line for line in left if not line.startswith(_of_network(state))]


def _of_network(state: State) -> tuple[str, ...]:
    network = state.run / "networks"
    return (f"link tare{state.tag}0", "firewall rules", "setting", f"directory {network}")


def _measure_both(
    state: State, containers: Containers, docker: Docker
) -> tuple[Samples, dict[str, float], dict[str, float]]:
    image = find(state, _IMAGE)
    asked = _settings(state)
    reference = docker.prepare(image).reference
    command = (*docker.program.command, "run", "--detach", reference, *_COMMAND)
    ours: list[str] = []
    theirs: list[str] = []
    runs = {
        "tarebox": lambda: _timed("tarebox", lambda: ours.append(containers.run(asked))),
        "docker": lambda: _timed("docker", lambda: theirs.append(_output(command).strip())),
    }
    samples = interleave(runs, _COUNT)
    pids = _output((*docker.program.command, "inspect", "--format", "{{.State.Pid}}", *theirs)).split()
    shim = mean(pss(psutil.Process(int(pid)).ppid()) for pid in pids)
    removal = {
        **_timed("tarebox", lambda: _remove(containers, ours)),
        **_timed("docker", lambda: _output((*docker.program.command, "rm", "--force", *theirs))),
    }
    removal = {name: seconds / len(ours) for name, seconds in removal.items()}
    monitor, kernel = _memory(containers, asked)
    return samples, removal, {"monitor": monitor, "kernel": kernel, "shim": shim}


def _settings(state: State) -> Settings:
    store, driver = ImageStore(state), registry.driver(state)
    stored = store.get(_IMAGE)
    chain = unpack_layers(store.content, stored, driver)
    assert chain
    layers = driver.image(chain).lowers
    return settings(stored, RunOptions(image=_IMAGE, argv=_COMMAND), layers=layers)


def _timed(name: str, run: Callable[[], object]) -> dict[str, float]:
    began = time.monotonic_ns()
    run()
    return {name: (time.monotonic_ns() - began) / 1e9}


def _output(command: Sequence[str]) -> str:
    return subprocess.run(command, capture_output=True, text=True, check=True).stdout


def _remove(containers: Containers, identities: Sequence[str]) -> None:
    for identity in identities:
        containers.remove(identity, force=True)


def _memory(containers: Containers, asked: Settings) -> tuple[float, float]:
    """Bytes of a container's monitor, shares of its program's pages among all, and of the kernel."""
    before = _kernel_bytes()
    identities = [containers.run(asked) for _ in range(_COUNT)]
    kernel = (_kernel_bytes() - before) / _COUNT
    watching = mean(pss(containers.find(identity).state["monitor"]) for identity in identities)
    _remove(containers, identities)
    return watching, kernel


def _kernel_bytes() -> int:
    lines = Path("/proc/meminfo").read_text().splitlines()
    values = {name: int(value.split()[0]) * 1024 for name, value in (line.split(":") for line in lines)}
    return sum(values.get(name, 0) for name in _KERNEL)
