"""Moving network devices of the host into a container; see config-linux.md, Network Devices."""

from __future__ import annotations

from runtime.oci.errors import OciError

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping
    from typing import Any


_GLOBAL = 0
_PERMANENT = 0x80
"""Scope and flag of the addresses that move along; see rtnetlink(7)."""


def move(devices: Mapping[str, Mapping[str, Any]], pid: int) -> None:
    """Move devices, with their global addresses, to the network namespace of a process, and up there.

    Args:
        devices: `linux.netDevices`: by name on the host, with `name` inside.
        pid: the process.

    Raises:
        OciError: a device is missing, a name is taken, or the kernel refuses.
    """
    from pyroute2 import IPRoute, NetlinkError, NetNS

    path = f"/proc/{pid}/ns/net"
    with IPRoute() as here, NetNS(path, flags=0) as there:
        for name, wanted in devices.items():
            inside = wanted.get("name") or name
            try:
                _move(here, there, name, inside, pid)
            except NetlinkError as error:
                raise OciError(f"can't move network device {name} to {inside}: {error}") from error


def _move(here: Any, there: Any, name: str, inside: str, pid: int) -> None:
    found = here.link_lookup(ifname=name)
    if not found:
        raise OciError(f"there is no network device {name}", "see linux.netDevices")
    if there.link_lookup(ifname=inside):
        raise OciError(f"the container has a network device {inside} already", "see linux.netDevices")
    (index,) = found
    addresses = [
        (message.get_attr("IFA_LOCAL") or message.get_attr("IFA_ADDRESS"), message["prefixlen"])
        for message in here.get_addr(index=index)
        if message["scope"] == _GLOBAL and message["flags"] & _PERMANENT
    ]
    before = _indices(there)
    here.link("set", index=index, state="down")
    here.link("set", index=index, net_ns_pid=pid, ifname=inside)
    # The name may be a template such as eth%d, and the number another one there.
    (moved,) = _indices(there) - before
    for address, length in addresses:
        there.addr("add", index=moved, address=address, prefixlen=length)
    there.link("set", index=moved, state="up")


def _indices(route: Any) -> set[int]:
    return {link["index"] for link in route.get_links()}
