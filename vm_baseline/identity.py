"""What an instance has of its own, for a guest that boots and for one that goes on as another."""

import secrets
from ipaddress import IPv4Address, IPv4Interface
from typing import Any

from vm_baseline.command import Command
from vm_baseline.frames import Frame, Kind
from vm_baseline.initramfs import Job
from vm_baseline.spec import MachineSpec

_SEED_SIZE = 32

# What QEMU's own network has for its one guest; see -netdev user in qemu-system(1).
USER_ADDRESS = IPv4Interface("10.0.2.15/24")
USER_GATEWAY = IPv4Address("10.0.2.2")
USER_RESOLVER = "10.0.2.3"


def identity(spec: MachineSpec) -> dict[str, Any]:
    """The names and network of a job, by its fields."""
    resolv = f"nameserver {USER_RESOLVER}\n" if spec.user_network and spec.resolv is None else spec.resolv
    return {
        "hostname": spec.hostname,
        "address": spec.tap.address if spec.tap else USER_ADDRESS if spec.user_network else None,
        "gateway": spec.tap.gateway if spec.tap else USER_GATEWAY if spec.user_network else None,
        "address6": spec.tap.address6 if spec.tap else None,
        "gateway6": spec.tap.gateway6 if spec.tap else None,
        "resolv": resolv,
        "hosts": spec.hosts,
    }


def payload(spec: MachineSpec) -> Command | None:
    """The payload of a job, or None."""
    if not spec.argv:
        return None
    return Command(spec.argv, spec.env, spec.user, spec.directory, spec.terminal, spec.has_input)


def renewal(spec: MachineSpec, nonce: str, mac: str) -> tuple[Frame, ...]:
    """What makes a saved guest another one: a seed, names and network, then its payload.

    Args:
        spec: what it is to be.
        nonce: the word its ready line starts with.
        mac: the hardware address of its interface, or nothing.
    """
    if spec.hold:
        return ()
    more = (("seed", secrets.token_hex(_SEED_SIZE)), *((("mac", mac),) if mac else ()))
    frames = (Frame(Kind.RENEW, 0, Job(nonce, **identity(spec)).lines(*more)),)
    command = payload(spec)
    return (*frames, Frame(Kind.RUN, 0, command.request())) if command else frames
