"""Ports of the host that QEMU's own network leads into a guest; `-netdev user` in qemu-system(1)."""

from collections.abc import Iterable, Sequence
from ipaddress import IPv6Address

from tare.errors import UsageError
from tare.ports import Published
from vm_baseline.profile import Bus

_ID = "tarenet"
_DRIVERS = {Bus.MMIO: "virtio-net-device", Bus.PCI: "virtio-net-pci"}


def check(ports: Iterable[Published]) -> None:
    """See that it can lead there.

    Raises:
        UsageError: it leads IPv4's TCP and UDP only, from ports with a number.
    """
    for port in ports:
        if port.protocol == "sctp" or isinstance(port.host, IPv6Address):
            raise UsageError(f"{port} can't be published", "QEMU's network has tcp and udp on IPv4")
        if not port.host_port:
            raise UsageError(f"{port.port} names no port of the host", f"write such as 8080:{port.port}")


def options(ports: Sequence[Published], bus: Bus) -> tuple[dict[str, object], dict[str, object]]:
    """The network and its device, as `-netdev` and `-device` take them in JSON."""
    rules = [{"str": f"{one.protocol}:{one.host or ''}:{one.host_port}-:{one.port}"} for one in ports]
    network: dict[str, object] = {"type": "user", "id": _ID, "hostfwd": rules}
    return network, {"driver": _DRIVERS[bus], "netdev": _ID}
