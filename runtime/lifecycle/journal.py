"""What happened to containers: a line of JSON an event, appended by all processes and by the monitors."""

import fcntl
import os
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from runtime import light
from runtime.lifecycle.follow import Follower

MAXIMUM = 1 << 20
"""Bytes after which a new file is begun; one old one is kept."""


@dataclass(frozen=True)
class Event:
    """Something that happened; time in nanoseconds since the epoch."""

    status: str
    id: str
    time: int
    attributes: dict[str, str]


class Journal:
    """The events of one state.

    Args:
        directory: where its files are.
    """

    def __init__(self, directory: Path) -> None:
        self.path = directory / "journal"

    def append(self, status: str, identity: str, attributes: dict[str, str]) -> None:
        """Add an event of now."""
        line = f'{{"status": "{status}", "time": {time.time_ns()}, {head(identity, attributes)}}}}}\n'
        descriptor = os.open(self.path, os.O_WRONLY | os.O_CREAT | os.O_APPEND | os.O_CLOEXEC, 0o600)
        try:
            os.write(descriptor, line.encode())
            if os.fstat(descriptor).st_size > MAXIMUM:
                self._rotate(descriptor)
        finally:
            os.close(descriptor)

    def _rotate(self, descriptor: int) -> None:
        fcntl.flock(descriptor, fcntl.LOCK_EX)
        if self.path.exists() and os.path.samestat(os.fstat(descriptor), self.path.stat()):
            self.path.rename(self.path.with_suffix(".1"))

    def read(self, *, since: int = 0, until: int | None = None, follow: bool = False) -> Iterator[Event]:
        """Events from `since` to `until`, in nanoseconds since the epoch, oldest first.

        Args:
            since: 0 for all there are.
            until: None for no end; with `follow` this waits for what comes.
            follow: whether to wait for more at the end.
        """
        paths = (str(self.path.with_suffix(".1")), str(self.path))
        with Follower(lambda: paths) as follower:
            for line in follower.lines(follow=follow, until=until):
                event = _parse(line)
                if event and until is not None and event.time > until:
                    return
                if event and event.time >= since:
                    yield event


def head(identity: str, attributes: dict[str, str]) -> str:
    """The part of a line that the monitor completes: open at the end of the attributes."""
    return f'"id": "{identity}", "attributes": {light.dumps(attributes)}'.removesuffix("}")


def _parse(line: str) -> Event | None:
    """The event of a line; None for one that a full disk cut short."""
    try:
        values: dict[str, Any] = light.loads(line)
        return Event(values["status"], values["id"], values["time"], values["attributes"])
    except (ValueError, KeyError, TypeError):
        return None
