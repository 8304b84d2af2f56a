"""`tarebox-oci kill`: send a signal to a container; see runtime.md, Kill."""

from __future__ import annotations

import os

from runtime.light import signal
from runtime.oci import arguments
from runtime.oci.errors import OciError
from runtime.oci.record import Record

TYPE_CHECKING = False
if TYPE_CHECKING:
    from runtime.cgroups.manager import Manager
    from runtime.oci.cli import Options


def run(options: Options, words: list[str]) -> int:
    """Signal the first process, with --all every process.

    Raises:
        OciError: there is no such container or signal, or the container is neither created nor running.
    """
    found, rest = arguments.parse(words, flags={"all": "all", "a": "all"})
    number = signal_number(rest.pop()) if len(rest) == 2 else signal.SIGTERM
    record = Record.load(options.root, arguments.container(rest))
    if not record.pid:
        raise _not_running(record, "creating")
    # Without a pid namespace of its own, a container's processes outlive the first one.
    to_all = found.get("all") or (number == signal.SIGKILL and not _has_pid_namespace(record))
    if to_all and (groups := record.cgroups()) is not None and groups.processes():
        _signal_all(groups, number)
    else:
        _signal_first(record, number)
    return 0


def signal_number(text: str) -> int:
    """A signal's number by its number or its name, with SIG or without, in any case.

    Raises:
        OciError: there is no such signal.
    """
    if text.isascii() and text.isdigit() and int(text) < signal.NSIG:
        return int(text)
    name, sign, offset = text.upper().removeprefix("SIG").replace("-", "+-").partition("+")
    number = int(getattr(signal, f"SIG{name}", 0)) if name.isalnum() else 0
    if sign:
        is_distance = name in {"RTMIN", "RTMAX"} and offset.removeprefix("-").isdecimal()
        number = number + int(offset) if is_distance else 0
    if not 0 < number < signal.NSIG:
        raise OciError(f"unknown signal {text!r}", "see signal(7)")
    return number


def _has_pid_namespace(record: Record) -> bool:
    namespaces = (record.config().get("linux") or {}).get("namespaces") or ()
    return any(entry.get("type") == "pid" and not entry.get("path") for entry in namespaces)


def _signal_first(record: Record, number: int) -> None:
    descriptor = record.pidfd()
    if descriptor < 0:
        raise _not_running(record, "stopped")
    try:
        groups = record.cgroups() if number == signal.SIGKILL else None
        is_frozen = groups is not None and groups.is_frozen()
        signal.pidfd_send_signal(descriptor, number)
        if groups is not None and is_frozen:
            # Version 1 of control groups kills no frozen process.
            groups.thaw()
    except ProcessLookupError:
        raise _not_running(record, "stopped") from None
    finally:
        os.close(descriptor)


def _not_running(record: Record, status: str) -> OciError:
    """With the words by which containerd knows that a container has ended."""
    return OciError(f"can't kill {record.name!r}: container not running: {status}")


def _signal_all(groups: Manager, number: int) -> None:
    if number == signal.SIGKILL:
        groups.kill()
        return
    was_frozen = groups.is_frozen()
    if not was_frozen:
        groups.freeze()
    try:
        _signal_each(groups, number)
    finally:
        if not was_frozen:
            groups.thaw()


def _signal_each(groups: Manager, number: int) -> None:
    descriptors: dict[int, int] = {}
    try:
        for pid in groups.processes():
            try:
                descriptors[pid] = os.pidfd_open(pid)
            except ProcessLookupError:
                continue
        # A member after its pidfd was opened is the process that the pidfd is of.
        for pid in descriptors.keys() & set(groups.processes()):
            try:
                signal.pidfd_send_signal(descriptors[pid], number)
            except ProcessLookupError:
                continue
    finally:
        for descriptor in descriptors.values():
            os.close(descriptor)
