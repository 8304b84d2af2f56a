"""`tarebox-oci delete`: remove a container; see runtime.md, Delete."""

from __future__ import annotations

import os
import select
import time

from runtime import light
from runtime.oci import arguments
from runtime.oci.errors import HookError, OciError
from runtime.oci.record import Record, UnknownContainerError

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    from runtime.cgroups.manager import Manager
    from runtime.oci.cli import Options

_PATIENCE = 10.0
"""Seconds a killed process may take to end."""
_GLANCE = 10
"""Milliseconds after which control groups are looked at again, as others may have come in meanwhile."""


def run(options: Options, words: list[str]) -> int:
    """Remove a stopped container, with --force any, even none.

    Raises:
        OciError: it is not stopped, or a process of it doesn't end.
        CgroupError: its control groups can't be removed.
    """
    found, rest = arguments.parse(words, flags={"force": "force", "f": "force"})
    record = Record(options.root, arguments.container(rest))
    if found.get("force"):
        end(record, options)
    else:
        with record.lock():
            record.read()
            if (status := record.status()) != "stopped":
                raise OciError(
                    f"can't delete container {record.name!r}: it is not stopped: {status}",
                    "kill it first, or use --force",
                )
            hooks = record.config().get("hooks") or {}
            _destroy(record)
        _poststop(record, options, hooks)
    return 0


def end(record: Record, options: Options) -> None:
    """Kill a container whatever it does and remove what there is of it; one that is gone is fine.

    Who creates a container holds its lock meanwhile, so that one in creation whose lock is free was given up.

    Raises:
        OciError: a process doesn't end.
        CgroupError: its control groups can't be removed.
    """
    hooks: dict[str, Any] = {}
    try:
        with record.lock():
            try:
                record.read()
                hooks = record.config().get("hooks") or {}
            except OciError as error:
                options.warn(str(error))
            _destroy(record)
    except UnknownContainerError:
        return
    _poststop(record, options, hooks)


def _destroy(record: Record) -> None:
    groups = record.cgroups()
    descriptor = record.pidfd()
    if descriptor >= 0:
        try:
            _end_first(record, descriptor, groups)
        finally:
            os.close(descriptor)
    if groups is not None:
        _end_rest(record, groups)
        groups.remove()
    record.remove()


def _end_first(record: Record, descriptor: int, groups: Manager | None) -> None:
    try:
        light.signal.pidfd_send_signal(descriptor, light.signal.SIGKILL)
    except ProcessLookupError:
        return
    if groups is not None:
        groups.kill()
    if not _await([descriptor], _PATIENCE * 1000):
        raise _stubborn(record, [record.pid])


def _end_rest(record: Record, groups: Manager) -> None:
    """Without a pid namespace of its own, a container's processes outlive the first one."""
    deadline = time.monotonic() + _PATIENCE
    while pids := groups.processes():
        if time.monotonic() > deadline:
            raise _stubborn(record, pids)
        groups.kill()
        descriptors = []
        try:
            for pid in pids:
                try:
                    descriptors.append(os.pidfd_open(pid))
                except ProcessLookupError:
                    continue
            _await(descriptors, _GLANCE)
        finally:
            for descriptor in descriptors:
                os.close(descriptor)


def _stubborn(record: Record, pids: list[int]) -> OciError:
    listed = ", ".join(map(str, pids))
    return OciError(
        f"processes of container {record.name!r} don't end when killed: {listed}", "try again later"
    )


def _await(descriptors: list[int], timeout: float) -> bool:
    poll = select.poll()
    for descriptor in descriptors:
        poll.register(descriptor, select.POLLIN)
    return bool(poll.poll(timeout))


def _poststop(record: Record, options: Options, kinds: dict[str, Any]) -> None:
    if not kinds.get("poststop"):
        return
    from runtime.oci import hooks

    for hook in kinds["poststop"]:
        try:
            hooks.run([hook], record.state("stopped"), what="poststop")
        except HookError as error:
            options.warn(str(error))
