"""`NetworkSettings` of `docker inspect`."""

from collections.abc import Sequence
from typing import Any

from runtime.lifecycle.connecting import connections
from runtime.lifecycle.record import Record
from runtime.network.model import DEFAULT, Connection, Endpoint, Network
from runtime.network.networks import Networks
from runtime.network.sandbox import Sandbox
from tare.errors import NetworkError
from tare.ports import Published
from tare.state import State

_NOWHERE = {
    "Gateway": "",
    "IPAddress": "",
    "IPPrefixLen": 0,
    "IPv6Gateway": "",
    "GlobalIPv6Address": "",
    "GlobalIPv6PrefixLen": 0,
    "MacAddress": "",
}


def network_settings(state: State, record: Record) -> dict[str, Any]:
    """Where a container is on networks; addresses only while it runs."""
    networks = Networks(state)
    sandbox = networks.sandbox(record.id)
    is_live = record.is_alive()
    endpoints = {one.network: one for one in sandbox.endpoints} if sandbox and is_live else {}
    shown = {
        one.network: _network(networks, one, endpoints.get(_name(networks, one.network)))
        for one in connections(record)
    }
    default = shown.get(DEFAULT, {})
    return {
        "Bridge": "",
        "SandboxID": record.id if is_live else "",
        "SandboxKey": f"/proc/{record.state['pid']}/ns/net" if is_live else "",
        "Ports": _ports(record, sandbox) if is_live else {},
        "EndpointID": "",
        **{key: default.get(key, value) for key, value in _NOWHERE.items()},
        "Networks": shown,
    }


def published(state: State, record: Record) -> Sequence[Published]:
    """The ports of the host that lead to a container, none while it doesn't run."""
    sandbox = Networks(state).sandbox(record.id) if record.is_alive() else None
    return sandbox.published if sandbox else ()


def files(state: State, record: Record) -> dict[str, str]:
    """Paths of the files that are mounted over those of the image."""
    sandbox = Networks(state).sandbox(record.id)
    path = sandbox.path if sandbox else ""
    names = {"ResolvConfPath": "resolv.conf", "HostnamePath": "hostname", "HostsPath": "hosts"}
    return {key: f"{path}/{name}" if path else "" for key, name in names.items()}


def on_network(state: State, record: Record, reference: str) -> bool:
    """Whether a container is on a network, given by its name or its id."""
    networks = Networks(state)
    name = _name(networks, reference)
    wanted = (one.network for one in connections(record))
    mode = record.settings.networking.mode
    return reference == mode or name in [_name(networks, one) for one in wanted]


def _name(networks: Networks, reference: str) -> str:
    try:
        return networks.get(reference).name
    except NetworkError:
        return reference


def _network(networks: Networks, connection: Connection, endpoint: Endpoint | None) -> dict[str, Any]:
    try:
        network: Network | None = networks.get(connection.network)
    except NetworkError:
        network = None
    asked = {"IPv4Address": connection.address, "IPv6Address": connection.address6}
    config = {key: str(value) for key, value in asked.items() if value}
    shown = {
        "IPAMConfig": config or None,
        "Links": None,
        "Aliases": list(connection.aliases) or None,
        "NetworkID": network.id if network else "",
        "EndpointID": "",
        **_NOWHERE,
    }
    if endpoint and network:
        address6 = endpoint.address6
        shown |= {
            "Gateway": str(network.gateway),
            "IPAddress": str(endpoint.address.ip),
            "IPPrefixLen": endpoint.address.network.prefixlen,
            "IPv6Gateway": str(network.gateway6 or "") if address6 else "",
            "GlobalIPv6Address": str(address6.ip) if address6 else "",
            "GlobalIPv6PrefixLen": address6.network.prefixlen if address6 else 0,
            "MacAddress": endpoint.mac,
        }
    return shown


def _ports(record: Record, sandbox: Sandbox | None) -> dict[str, list[dict[str, str]] | None]:
    found: dict[str, list[dict[str, str]] | None] = dict.fromkeys(record.settings.exposed)
    for port in sandbox.published if sandbox else ():
        hosts = [str(port.host)] if port.host else ["0.0.0.0"]  # noqa: S104 - what is said, not bound
        if port.host is None and sandbox and any(one.address6 for one in sandbox.endpoints):
            hosts.append("::")
        bindings = found.get(f"{port.port}/{port.protocol}") or []
        bindings += [{"HostIp": host, "HostPort": str(port.host_port)} for host in hosts]
        found[f"{port.port}/{port.protocol}"] = bindings
    return found
