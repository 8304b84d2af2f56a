"""Ending all persistent containers at once, so that their monitors start none of them again."""

from collections.abc import Iterator
from contextlib import suppress

from runtime.lifecycle.directory import Directory
from runtime.lifecycle.errors import NoSuchContainerError
from runtime.lifecycle.starting import end_monitor
from tare.state import State


def end_all(state: State) -> Iterator[str]:
    """Kill every container that runs or waits for its restart; what they wrote stays.

    Yields:
        What was ended, one line each.
    """
    for record in Directory(state.directory("containers2")):
        with suppress(NoSuchContainerError), record.lock():
            if record.is_alive() or record.is_alive("monitor"):
                record.mark_stopped(True)
                end_monitor(record)
                yield f"container {record.id[:12]} ({record.name})"
