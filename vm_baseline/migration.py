"""A stopped QEMU's devices to a file and back, and the guest's memory unless that is a file that QEMU maps.

libvirt's own save and restore copy the memory and refuse a new name, UUID or hardware address, so the worker
asks QEMU itself. Source: QEMU's qapi/migration.json; `x-ignore-shared` leaves shared memory out.
"""

import json
import os
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import libvirt
import libvirt_qemu

_LIMIT = 30.0
_BANDWIDTH = (1 << 63) - (1 << 20)
"""Bytes a second: as much as there is; QEMU's own limit is meant for networks."""
_OVER = ("completed", "failed", "cancelled")


def save(connection: Any, domain: Any, path: Path) -> None:
    """Stop a guest and write its devices' state to a new file.

    Raises:
        libvirt.libvirtError: QEMU can't.
    """
    domain.suspend()
    _ask(domain, "migrate-set-parameters", **{"max-bandwidth": _BANDWIDTH})
    flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC
    _transfer(connection, domain, "migrate", os.open(path, flags, 0o600))


def load(connection: Any, domain: Any, path: Path) -> None:
    """Give a guest that was started paused, with `-incoming defer`, the state of a file.

    Raises:
        libvirt.libvirtError: QEMU can't.
    """
    _transfer(connection, domain, "migrate-incoming", os.open(path, os.O_RDONLY | os.O_CLOEXEC))


def _transfer(connection: Any, domain: Any, command: str, file: int) -> None:
    with _status(connection, domain) as over:
        try:
            on = [{"capability": name, "state": True} for name in ("x-ignore-shared", "events")]
            _ask(domain, "migrate-set-capabilities", capabilities=on)
            _ask(domain, "getfd", [file], fdname="state")
        finally:
            os.close(file)
        _ask(domain, command, uri="fd:state")
        status = over(_LIMIT)
    if status != "completed":
        raise libvirt.libvirtError(f"the state of the guest's devices could not be moved: {command} {status}")


def _ask(domain: Any, command: str, files: list[int] | None = None, /, **arguments: Any) -> None:
    """Ask QEMU; its refusal comes as an answer."""
    words = json.dumps({"execute": command, "arguments": arguments})
    if files is None:
        answer = libvirt_qemu.qemuMonitorCommand(domain, words, 0)
    else:
        answer, _ = libvirt_qemu.qemuMonitorCommandWithFiles(domain, words, files, 0)
    if fault := json.loads(answer).get("error"):
        raise libvirt.libvirtError(f"QEMU refuses {command}: {fault['desc']}")


@contextmanager
def _status(connection: Any, domain: Any) -> Iterator[Any]:
    """A function that waits for the end of a migration and tells how it ended."""
    ended: list[str] = []
    changed = threading.Condition()

    def hear(_connection: Any, _domain: Any, _event: str, _s: int, _us: int, details: str, _: Any) -> None:
        with changed:
            ended.append(json.loads(details)["status"])
            changed.notify_all()

    def wait(timeout: float) -> str:
        with changed:
            changed.wait_for(lambda: ended and ended[-1] in _OVER, timeout)
            return ended[-1] if ended else "unanswered"

    callback = libvirt_qemu.qemuMonitorEventRegister(connection, domain, "MIGRATION", hear, None)
    try:
        yield wait
    finally:
        libvirt_qemu.qemuMonitorEventDeregister(connection, callback)
