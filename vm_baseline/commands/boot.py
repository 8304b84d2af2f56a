"""`tarevm boot`: how long a machine takes until it is ready."""

import argparse
import time
from typing import TYPE_CHECKING

from tare.errors import ExitCode
from tare.state import State
from vm_baseline import machine_options, network_options

if TYPE_CHECKING:
    from vm_baseline.phases import Phases

SUMMARY = "boot a machine, say when it is ready, and remove it"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Its options and arguments."""
    machine_options.add_arguments(parser)
    parser.add_argument("--phases", action="store_true", help="tell what each part of its life took")
    parser.add_argument("image", metavar="IMAGE", help="a name, or a directory with a slash in it")


def run(options: argparse.Namespace, state: State) -> int:
    """Boot it; the image's own program is not run."""
    from vm_baseline.hypervisor import Hypervisor
    from vm_baseline.image import opened
    from vm_baseline.networking import opened as connected

    with connected(state, network_options.network(options)) as network, \
            Hypervisor(state, options.connect) as hypervisor:  # fmt: skip
        with opened(state, options.image, options.platform, options.pull) as image:
            spec = network.given_to(machine_options.spec(options, state, image))
            shared = hypervisor.prepare(spec)
        started = time.monotonic_ns()
        machine = hypervisor.start(spec, prepared=shared)
        ready = machine.wait_ready()
        print(
            f"ready after {(ready - started) / 1e9:.3f} s"
            f" ({machine.accelerator}, Linux {machine.kernel.release})"
        )
        machine.stop()
        if options.phases:
            print("\n".join(_lines(machine.phases())))
    return ExitCode.OK


def _lines(phases: "Phases") -> list[str]:
    """A line for each point: milliseconds since the call, those that led to it, and where that was seen."""
    took = phases.durations_ns
    return [
        f"{(phase.at_ns - phases.passed[0].at_ns) / 1e6:10.1f} ms {took.get(phase.point, 0) / 1e6:+10.1f}"
        f"  {phase.point:<13} {phase.source}, {_resolution(phase.resolution_ns)}"
        for phase in phases
    ]


def _resolution(nanoseconds: int) -> str:
    return f"to {nanoseconds / 1e6:.3g} ms" if nanoseconds > 1 else "exact"
