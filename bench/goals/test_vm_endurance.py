"""Goals: 100 small machines boot in a row without a failure and leave nothing growing; 20 idle at once."""

import tempfile
import time
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import psutil
import pytest

from bench.goals.endurance import endure
from runtime import bootstrap_busybox
from tare.state import State
from vm_baseline import Hypervisor, Machine, MachineSpec
from vm_baseline.errors import NotReadyError
from vm_baseline.place import data_directory, domain_prefix
from vm_baseline.processes import qemu_processes

_BOOTS = 100
_WARM_UP = 10
_BYTES_OF_A_DOMAIN = 1 << 10
"""libvirt 9.0 keeps some hundred bytes of every domain that it has run: 250 over a thousand starts."""
_AT_ONCE = 20
_LIMIT = 60.0
_ALL_LIMIT = 600.0
_IDLE = 10.0


@pytest.fixture
def state() -> Iterator[State]:
    """A root of its own."""
    with tempfile.TemporaryDirectory(prefix="tare-goal-") as name:
        yield State.at(Path(name))


def test_boots_in_a_row(benchmark: Any, state: State) -> None:
    """Processes, descriptors, threads and memory of this process and libvirt's, and files of instances."""
    failures: list[str] = []
    spec = MachineSpec("vm-micro", bootstrap_busybox(state))
    with Hypervisor(state) as hypervisor:
        shared = hypervisor.prepare(spec)
        (worker,) = (
            process
            for process in map(psutil.Process, hypervisor.connection.pids())
            if process.ppid() != psutil.Process().pid
        )

        def one() -> None:
            machine = hypervisor.start(spec, prepared=shared)
            try:
                machine.wait_ready(_LIMIT)
            except NotReadyError as error:
                failures.append(str(error))
            finally:
                machine.remove()

        def counts() -> dict[str, int]:
            own = psutil.Process()
            return {
                "failures": len(failures),
                "machines": len(qemu_processes(domain_prefix(state))),
                "domains": len(hypervisor.connection.call("names", prefix=domain_prefix(state))),
                "files": sum(1 for root in (state.run, data_directory(state)) for _ in root.rglob("vm/**/*")),
                "own descriptors": own.num_fds(),
                "own threads": own.num_threads(),
                "libvirt's descriptors": worker.num_fds(),
                "libvirt's threads": worker.num_threads(),
                "libvirt's bytes": worker.memory_info().rss,
            }

        slack = _BYTES_OF_A_DOMAIN * _BOOTS // 2
        endure(benchmark, "boots of vm-micro", one, counts, times=_BOOTS, warm_up=_WARM_UP, slack=slack)
    assert failures == []


def test_idle_at_once(benchmark: Any, state: State) -> None:
    """All of them ready and answering, what they take while idle, and nothing left when they are removed."""
    spec = MachineSpec("vm-micro", bootstrap_busybox(state), env={"PATH": "/bin"})
    with Hypervisor(state) as hypervisor, ExitStack() as stack:
        shared = hypervisor.prepare(spec)
        machines: list[Machine] = []

        def start() -> None:
            for _ in range(_AT_ONCE):
                machines.append(hypervisor.start(spec, prepared=shared))
                stack.callback(machines[-1].remove)
            for machine in machines:
                machine.wait_ready(_ALL_LIMIT)
                assert machine.exec(("true",), timeout=_ALL_LIMIT).returncode == 0

        benchmark.pedantic(start)
        before = [machine.footprint() for machine in machines]
        time.sleep(_IDLE)
        after = [machine.footprint() for machine in machines]
        stopping = time.monotonic_ns()
        stack.close()
        stopped = (time.monotonic_ns() - stopping) / 1e9 / _AT_ONCE
        assert qemu_processes(domain_prefix(state)) == []
    memory = sum(found.memory for found in after) / _AT_ONCE
    idle = sum((late.cpu - early.cpu).total for early, late in zip(before, after, strict=True))
    share = idle / _AT_ONCE / _IDLE
    benchmark.extra_info.update(memory=memory, idle=share, stopped=stopped)
    print(
        f"\n{_AT_ONCE} machines at once ready and answering in {benchmark.stats.stats.max:.1f} s,"
        f" each {memory / 2**20:.0f} MiB and {share:.2%} of a CPU while idle,"
        f" stopped and removed in {stopped:.3f} s each (goal {_AT_ONCE} at once: met)"
    )
