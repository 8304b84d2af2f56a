"""Signals to a container, and awaiting its end."""

import os
import select
import time
from contextlib import suppress

from runtime.lifecycle import starting
from runtime.lifecycle.attach import Connection
from runtime.lifecycle.record import Record
from runtime.light import signal


def begin(record: Record) -> bool:
    """Put on record that a person stops a container; whether it has to be told to end."""
    with record.lock():
        status = record.status()
        if status in ("running", "paused", "restarting"):
            record.mark_stopped(True)
        if status == "restarting":
            starting.end_monitor(record)
    return status in ("running", "paused")


def send(record: Record, number: int) -> None:
    """Send a signal to the first process, if it still is there; one that is frozen gets to act on it."""
    pidfd = record.pidfd()
    if pidfd < 0:
        return
    try:
        with suppress(ProcessLookupError):
            signal.pidfd_send_signal(pidfd, number)
    finally:
        os.close(pidfd)
    groups = record.groups()
    if groups and groups.is_frozen():
        groups.thaw()


def await_end(record: Record, timeout: float | None) -> bool:
    """Wait until the current start's end is on record, or its monitor is gone; whether that came in time."""
    deadline = None if timeout is None else time.monotonic() + timeout
    run = record.run
    while record.run == run and record.status() in ("running", "paused"):
        with Connection(record) as connection:
            if not _await(record, connection, None if deadline is None else deadline - time.monotonic()):
                return False
        record.state = record.state if not os.path.isdir(record.path) else _state(record)  # noqa: PTH112
    return True


def _state(record: Record) -> dict[str, object]:
    found: dict[str, object] = Record(record.path).state
    return found


def _await(record: Record, connection: Connection, left: float | None) -> bool:
    """Wait for the monitor to close the connection, or else for the end of the processes."""
    descriptors = [descriptor for key in ("monitor", "") if (descriptor := record.pidfd(key)) >= 0]
    watched = connection.fileno() if connection.fileno() >= 0 else (descriptors or [-1])[0]
    try:
        if watched < 0:
            return True
        poll = select.poll()
        poll.register(watched, select.POLLIN)
        if not poll.poll(None if left is None else max(left, 0) * 1000):
            return False
        connection.read()
        record.told = connection.exit
        return True
    finally:
        for descriptor in descriptors:
            os.close(descriptor)


def should_run(record: Record) -> bool:
    """Whether a container's policy is that it is started after a boot."""
    policy = record.settings.restart.name
    if record.status() != "exited":
        return False
    return policy == "always" or (policy == "unless-stopped" and not record.is_stopped)
