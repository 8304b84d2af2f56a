"""Goal: a machine started through libvirt is ready within 1.25 times what the bare QEMU command needs.

The bare command is libvirt's own for the same domain, without its monitor; both ends are read the same way.
"""

import random
import tempfile
from pathlib import Path
from statistics import median as middle
from time import monotonic_ns
from typing import Any

import pytest

from results.statistics import median, ratio
from runtime import bootstrap_busybox
from tare.state import State
from vm_baseline import Hypervisor, MachineSpec, Prepared
from vm_baseline.bare import booted
from vm_baseline.profile import profiles

_ROUNDS = 10
_GOAL = 1.25
_LIMIT = 60.0


@pytest.mark.parametrize("profile", sorted(profiles()))
def test_vm_start(benchmark: Any, profile: str) -> None:
    """Rounds of both in random order, each from the call that starts it to the guest's ready line."""
    libvirt: dict[int, list[float]] = {}
    bare: dict[int, list[float]] = {}
    phases: list[dict[str, float]] = []
    with tempfile.TemporaryDirectory(prefix="tare-goal-") as name:
        state = State.at(Path(name))
        spec = MachineSpec(profile, bootstrap_busybox(state))
        with Hypervisor(state) as hypervisor:
            shared = hypervisor.prepare(spec)
            _through_libvirt(hypervisor, spec, shared)  # libvirt asks a new QEMU for its capabilities once

            def rounds() -> None:
                for block in range(_ROUNDS):
                    for way in random.sample(("libvirt", "bare"), 2):
                        if way == "bare":
                            bare[block] = [_by_hand(state, hypervisor, spec, shared)]
                        else:
                            phases.append(_through_libvirt(hypervisor, spec, shared))
                            libvirt[block] = [phases[-1]["ready"]]

            benchmark.pedantic(rounds)
    estimate = ratio(libvirt, bare)
    split = {phase: middle(sample[phase] for sample in phases) for phase in phases[0]}
    benchmark.extra_info.update(
        profile=profile, accelerator=shared.proof.accelerator.value, libvirt=libvirt, bare=bare, phases=split
    )
    parts = ", ".join(
        f"{phase} {seconds * 1e3:.0f} ms" for phase, seconds in split.items() if phase != "ready"
    )
    print(
        f"\n{profile} start on {shared.proof.accelerator}:"
        f" {median(libvirt).value:.3f} s through libvirt ({parts}), {median(bare).value:.3f} s bare;"
        f" ratio {estimate.value:.3f} [{estimate.low:.3f}, {estimate.high:.3f}];"
        f" goal at most {_GOAL:g}: {'met' if estimate.value <= _GOAL else 'missed'}"
    )


def _through_libvirt(hypervisor: Hypervisor, spec: MachineSpec, shared: Prepared) -> dict[str, float]:
    """Seconds from the call to the ready line, and of its phases."""
    called = monotonic_ns()
    machine = hypervisor.start(spec, prepared=shared)
    try:
        ready = machine.wait_ready(_LIMIT)
        ends = (called, machine.asked_ns, machine.created_ns, ready)
    finally:
        machine.remove()
    names = ("files", "libvirt's create", "kernel and init")
    phases = {
        name: (after - before) / 1e9 for name, before, after in zip(names, ends, ends[1:], strict=False)
    }
    return {"ready": (ready - called) / 1e9, **phases}


def _by_hand(state: State, hypervisor: Hypervisor, spec: MachineSpec, shared: Prepared) -> float:
    with booted(state, hypervisor, spec, shared) as machine:
        machine.serial.wait(lambda: bool(machine.serial.ready_ns or machine.serial.gone_ns), _LIMIT)
        assert machine.serial.ready_ns is not None
        return (machine.serial.ready_ns - machine.started_ns) / 1e9
