"""The ports of the host that slirp4netns(1) leads into the containers' network namespace."""

import os
import socket
from collections.abc import Iterable
from typing import Any

from runtime import light
from runtime.rootless import connection, slirp
from tare.errors import NetworkError
from tare.ports import Published

_ADDRESS = "10.0.2.100"
"""Of that namespace, where they arrive."""


def open_ports(directory: str, published: Iterable[Published]) -> None:
    """Lead ports of the host into the containers' network namespace; again is no fault.

    Raises:
        NetworkError: one can't be had.
    """
    connection.await_ready(directory)
    open_now = _forwards(directory)
    for port in published:
        if connection.kind(directory) != slirp.NAME:
            raise NetworkError(f"the port {port} can't be published without {slirp.NAME}", "install it")
        wanted = _arguments(port)
        if _key(wanted) in open_now:
            continue
        answer = _ask(directory, {"execute": "add_hostfwd", "arguments": wanted})
        if "error" in answer:
            raise NetworkError(
                f"the port {port} can't be published: {answer['error'].get('desc', 'slirp4netns refuses')}",
                "choose another one",
            )


def close_ports(directory: str, published: Iterable[Published]) -> None:
    """Give ports back; those that aren't open are no fault."""
    unwanted = {_key(_arguments(port)) for port in published}
    _close(directory, {number for key, number in _forwards(directory).items() if key in unwanted})


def close_others(directory: str, published: Iterable[Published]) -> None:
    """Give all ports back but these."""
    kept = {_key(_arguments(port)) for port in published}
    _close(directory, {number for key, number in _forwards(directory).items() if key not in kept})


def _close(directory: str, numbers: Iterable[int]) -> None:
    for number in numbers:
        _ask(directory, {"execute": "remove_hostfwd", "arguments": {"id": number}})


def _arguments(port: Published) -> dict[str, Any]:
    if port.protocol == "sctp":
        raise NetworkError(f"the port {port} can't be published by an ordinary user", "use tcp or udp")
    if port.host and port.host.version == 6:
        raise NetworkError(f"the port {port} can't be published on IPv6 by an ordinary user", "use IPv4")
    return {
        "proto": port.protocol,
        "host_addr": str(port.host or "0.0.0.0"),  # noqa: S104 - as Docker does
        "host_port": port.host_port,
        "guest_addr": _ADDRESS,
        "guest_port": port.host_port,
    }


def _key(forward: dict[str, Any]) -> tuple[str, str, int]:
    return forward["proto"], forward["host_addr"], forward["host_port"]


def _forwards(directory: str) -> dict[tuple[str, str, int], int]:
    if connection.kind(directory) != slirp.NAME:
        return {}
    answer = _ask(directory, {"execute": "list_hostfwd"})
    # Its manual has an envelope that it leaves out.
    return {_key(entry): entry["id"] for entry in answer.get("return", answer)["entries"]}


def _ask(directory: str, request: dict[str, Any]) -> Any:
    """One request and its answer; see slirp4netns(1), API socket."""
    held = os.open(directory, os.O_PATH | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as channel:
            # A path below a socket may be longer than its address.
            channel.connect(f"/proc/self/fd/{held}/{slirp.SOCKET}")
            channel.sendall(light.dumps(request).encode())
            channel.shutdown(socket.SHUT_WR)
            with channel.makefile("rb") as file:
                return light.loads(file.read().decode())
    except OSError as error:
        raise NetworkError(f"slirp4netns doesn't answer: {error.strerror}", "run `tarebox clean`") from None
    finally:
        os.close(held)
