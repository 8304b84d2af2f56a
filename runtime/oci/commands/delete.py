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
_PATIENCE_WITH_ORPHANS = 1.0
"""Seconds a first process may take to see that its creator has died."""
_GLANCE = 0.01
"""Seconds after which control groups are looked at again, as others may have come in meanwhile."""


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
    config: dict[str, Any] = {}
    try:
        with record.lock():
            try:
                record.read()
                config = record.config()
            except OciError as error:
                options.warn(str(error))
            if not record.values:
                _clear_groups(record, options, config)
            _destroy(record)
    except UnknownContainerError:
        return
    _poststop(record, options, config.get("hooks") or {})


def _clear_groups(record: Record, options: Options, config: dict[str, Any]) -> None:
    """Remove the groups that a creator who died on the way didn't write down; used ones may be another's."""
    from runtime.cgroups import manager

    path = (config.get("linux") or {}).get("cgroupsPath") or ""
    try:
        groups = manager.for_container(path, record.name, systemd=options.systemd_cgroup)
        # A first process without its creator ends by itself.
        _await_all(groups.processes(), _PATIENCE_WITH_ORPHANS)
        if groups.processes():
            options.warn(f"control groups of {record.name!r} are in use and stay")
        else:
            groups.remove()
    except CgroupError as error:
        options.warn(str(error))


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
    if not _await(descriptor, _PATIENCE):
        raise _stubborn(record, [record.pid])


def _end_rest(record: Record, groups: Manager) -> None:
    """Without a pid namespace of its own, a container's processes outlive the first one."""
    deadline = time.monotonic() + _PATIENCE
    while pids := groups.processes():
        if time.monotonic() > deadline:
            raise _stubborn(record, pids)
        groups.kill()
        _await_all(pids, _GLANCE)


def _await_all(pids: list[int], patience: float) -> None:
    """Wait for the end of all these processes, or for so many seconds."""
    deadline = time.monotonic() + patience
    for pid in pids:
        try:
            descriptor = os.pidfd_open(pid)
        except ProcessLookupError:
            continue
        try:
            _await(descriptor, max(0.0, deadline - time.monotonic()))
        finally:
            os.close(descriptor)


def _stubborn(record: Record, pids: list[int]) -> OciError:
    listed = ", ".join(map(str, pids))
    return OciError(
        f"processes of container {record.name!r} don't end when killed: {listed}", "try again later"
    )


def _await(descriptor: int, patience: float) -> bool:
    poll = select.poll()
    poll.register(descriptor, select.POLLIN)
    return bool(poll.poll(patience * 1000))


def _poststop(record: Record, options: Options, kinds: dict[str, Any]) -> None:
    if not kinds.get("poststop"):
        return
    from runtime.oci import hooks

    for hook in kinds["poststop"]:
        try:
            hooks.run([hook], record.state("stopped"), what="poststop")
        except HookError as error:
            options.warn(str(error))
