"""`tarebox-oci delete`: remove a container; see runtime.md, Delete."""

from __future__ import annotations

import os
import select
import time

from runtime import light
from runtime.errors import CgroupError
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
"""Milliseconds after which groups are looked at again, where the kernel tells nobody that they are empty."""


def run(options: Options, words: list[str]) -> int:
    """Remove a stopped container, with --force any, even none.

    Raises:
        OciError: it is not stopped, or something of it can't be removed.
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
        OciError: a process doesn't end, or its groups can't be removed.
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
            light.signal.pidfd_send_signal(descriptor, light.signal.SIGKILL)
            if groups is not None:
                groups.kill()
            if not _await([descriptor], _PATIENCE * 1000):
                raise OciError(f"process {record.pid} of container {record.name!r} does not end")
        except ProcessLookupError:
            pass
        finally:
            os.close(descriptor)
    if groups is not None:
        _remove(groups)
    record.remove()


def _remove(groups: Manager) -> None:
    """Remove control groups, after the end of the processes that outlived the first one."""
    deadline = time.monotonic() + _PATIENCE
    while True:
        try:
            groups.remove()
        except (OSError, CgroupError):
            if time.monotonic() > deadline:
                raise
        else:
            return
        groups.kill()
        descriptors = []
        try:
            for pid in groups.processes():
                try:
                    descriptors.append(os.pidfd_open(pid))
                except ProcessLookupError:
                    continue
            _await(descriptors, _GLANCE)
        finally:
            for descriptor in descriptors:
                os.close(descriptor)


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
