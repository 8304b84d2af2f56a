"""Goals: a network adds at most 2 ms to a start; the 250th container takes 1.3 of the first's time."""

import os
import random
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from bench.goals.rounds import interleave, verdict
from results.statistics import median
from runtime import Container, ContainerSpec, Engine, bootstrap_busybox, syscalls
from runtime.network.clean import clean
from runtime.network.networks import Networks
from tare.state import State

_ROUNDS = 40
_NEIGHBOURS = 249
_ADDED = 0.002


class _Host:
    """Containers on the default networks of two state roots, of which one is crowded."""

    def __init__(self, directory: Path, name: str) -> None:
        self.state = State.at(directory / name)
        self._image = bootstrap_busybox(self.state)
        self._engine = Engine(self.state)
        self._networks = Networks(self.state)
        self._null = os.open(os.devnull, os.O_RDWR | os.O_CLOEXEC)
        self._crowd: list[tuple[Container, str]] = []

    def crowd(self, count: int) -> None:
        for _ in range(count):
            self._crowd.append(self._connected("sleep", "infinity"))

    def connected(self) -> dict[str, float]:
        """Seconds until a container with an address runs."""
        started = time.monotonic_ns()
        run, container = self._connected("true")
        ended = time.monotonic_ns()
        run.wait()
        self._remove(run, container)
        return {self.state.data.parent.name: (ended - started) / 1e9}

    def alone(self) -> dict[str, float]:
        """Seconds until one with a loopback interface alone runs."""
        started = time.monotonic_ns()
        run = self._start(ContainerSpec(self._image, ("true",), on_disk=False))
        ended = time.monotonic_ns()
        run.wait()
        run.remove()
        return {"alone": (ended - started) / 1e9}

    def close(self) -> None:
        for run, container in self._crowd:
            self._remove(run, container)
        self._engine.close()
        os.close(self._null)
        clean(self.state)

    def _connected(self, *argv: str) -> tuple[Container, str]:
        container = f"{random.getrandbits(256):064x}"
        sandbox = self._networks.attach(container)
        interface = self._networks.interface(sandbox)
        spec = ContainerSpec(self._image, argv, interface=interface, binds=sandbox.binds, on_disk=False)
        return self._start(spec), container

    def _start(self, spec: ContainerSpec) -> Container:
        run = self._engine.start(spec, stdin=self._null, stdout=self._null, stderr=self._null)
        run.await_complete()
        return run

    def _remove(self, run: Container, container: str) -> None:
        run.remove()
        self._networks.release(container)


@contextmanager
def _hosts() -> Iterator[tuple[_Host, _Host]]:
    # As on a host, what belongs to running containers lies in memory.
    with TemporaryDirectory(dir="/dev/shm", prefix="tare-") as directory:
        empty, crowded = _Host(Path(directory), "first"), _Host(Path(directory), "250th")
        try:
            crowded.crowd(_NEIGHBOURS)
            yield empty, crowded
        finally:
            empty.close()
            crowded.close()


def test_network_start(benchmark: Any) -> None:
    """Start `true` alone, as the first and as the 250th on a bridge, in random order a round."""
    samples: dict[str, dict[int, list[float]]] = {}

    def rounds() -> None:
        syscalls.unshare(syscalls.CLONE_NEWNET)
        with _hosts() as (empty, crowded):
            runs = {"alone": empty.alone, "first": empty.connected, "250th": crowded.connected}
            samples.update(interleave(runs, _ROUNDS))

    # The networks are made in a namespace of one thread's, so the host's own rules stay as they are.
    with ThreadPoolExecutor(1) as thread:
        benchmark.pedantic(lambda: thread.submit(rounds).result())
    benchmark.extra_info.update(seconds=samples)
    added = median(samples["first"]).value - median(samples["alone"]).value
    benchmark.extra_info["added seconds"] = added
    met = "met" if added <= _ADDED else "missed"
    print(
        f"\nstart on a network: adds {added * 1e3:.2f} ms (goal {_ADDED * 1e3:.0f} ms: {met});"
        f" {verdict(benchmark, samples, '250th', {'first': 1.3})}"
    )
