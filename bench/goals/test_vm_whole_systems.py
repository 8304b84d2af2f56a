"""Goal: a whole Debian, booted through BIOS or UEFI, is ready within its profile's limit, and its ssh server
answers the host; what the firmware costs is told.

Its disk is made before. Emulated, each start takes a minute or more, so there is one of each.
"""

import socket
import tempfile
from ipaddress import IPv4Address
from pathlib import Path
from time import monotonic_ns
from typing import Any

from runtime import bootstrap_busybox
from tare.ports import Published
from tare.state import State
from vm_baseline import Hypervisor, MachineSpec
from vm_baseline.phases import Point

_PROFILES = ("vm-full", "vm-uefi")
_MEMORY = 384 << 20
_ANSWER_LIMIT = 60.0
_BANNER = b"SSH-2.0-"
"""How a server begins; RFC 4253, section 4.2."""


def test_vm_whole_systems(benchmark: Any) -> None:
    """Each once, from the call that starts it to its ready line, and to the first words of its ssh server."""
    found: dict[str, dict[str, float]] = {}
    with tempfile.TemporaryDirectory(prefix="tare-goal-") as name:
        state = State.at(Path(name))
        rootfs = bootstrap_busybox(state)
        with Hypervisor(state) as hypervisor:
            for profile in _PROFILES:
                hypervisor.prepare(_spec(profile, rootfs, _free_port()))

            def boot_all() -> None:
                for profile in _PROFILES:
                    found[profile] = _boot(hypervisor, profile, rootfs)

            benchmark.pedantic(boot_all)
    benchmark.extra_info.update(found)
    for profile, seconds in found.items():
        print(
            f"\n{profile}: ready after {seconds['ready']:.1f} s, {seconds['firmware']:.1f} s of them firmware"
            f" and boot loader; ssh answered after {seconds['answered']:.1f} s: met",
            end="",
        )
    print(f"\n  UEFI / BIOS to ready: {found['vm-uefi']['ready'] / found['vm-full']['ready']:.2f}")


def _spec(profile: str, rootfs: Path, port: int) -> MachineSpec:
    published = (Published("tcp", IPv4Address("127.0.0.1"), port, 22),)
    return MachineSpec(profile, rootfs, memory=_MEMORY, user_network=True, ports=published)


def _boot(hypervisor: Hypervisor, profile: str, rootfs: Path) -> dict[str, float]:
    """Seconds until it was ready and until ssh answered, and what was before its kernel."""
    port = _free_port()
    called = monotonic_ns()
    machine = hypervisor.start(_spec(profile, rootfs, port))
    try:
        ready = machine.wait_ready()
        with socket.create_connection(("127.0.0.1", port), _ANSWER_LIMIT) as connection:
            answer = connection.recv(len(_BANNER), socket.MSG_WAITALL)
        answered = monotonic_ns()
        assert answer == _BANNER, answer
        kernel = next(phase.at_ns for phase in machine.phases() if phase.point is Point.KERNEL)
    finally:
        machine.remove()
    times = {"ready": ready, "answered": answered, "firmware": kernel}
    return {point: (at - called) / 1e9 for point, at in times.items()}


def _free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as free:
        return int(free.getsockname()[1])
