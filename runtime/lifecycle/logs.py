"""The output of a container that its monitor kept, in the format of Docker's json-file driver."""

import json
import re
import time
from collections import deque
from collections.abc import Iterator
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from runtime.lifecycle.attach import Connection
from runtime.lifecycle.follow import Follower
from runtime.lifecycle.record import Record

_NUMBERED = re.compile(r"container\.log\.(\d+)")


@dataclass(frozen=True)
class Entry:
    """A line, or a piece of a long one, which has no newline at its end then.

    Args:
        stream: `stdout` or `stderr`.
        time: RFC 3339 with nanoseconds, UTC.
        text: what was written; what is no UTF-8 is replaced.
    """

    stream: str
    time: str
    text: str


def read(
    record: Record,
    *,
    follow: bool = False,
    tail: int | None = None,
    since: int = 0,
    until: int | None = None,
) -> Iterator[Entry]:
    """What a container wrote, oldest first.

    Args:
        record: the container.
        follow: whether to wait for more until it ends.
        tail: how many lines of the end at most, None for all.
        since: nanoseconds since the epoch.
        until: likewise, None for no end.
    """
    first, last = timestamp(since), None if until is None else timestamp(until)
    with Connection(record) as connection, Follower(partial(_paths, record.path)) as follower:
        # Only then it is clear which lines were there before.
        follows = follow and connection.fileno() >= 0
        if tail is not None:
            kept: deque[Entry] = deque(maxlen=tail)
            kept.extend(_entries(follower.lines(follow=False), first, last))
            yield from kept
        if follows or tail is None:
            lines = follower.lines(follow=follows, end=connection.fileno(), until=until)
            yield from _entries(lines, first, last)


def timestamp(nanoseconds: int) -> str:
    """A time since the epoch as the log has it."""
    moment = time.strftime("%Y-%m-%dT%H:%M:%S", time.gmtime(nanoseconds // 10**9))
    return f"{moment}.{nanoseconds % 10**9:09d}Z"


def _entries(lines: Iterator[str], first: str, last: str | None) -> Iterator[Entry]:
    for line in lines:
        try:
            values = json.loads(line)
            entry = Entry(values["stream"], values["time"], values["log"])
        except (ValueError, KeyError, TypeError):
            # A full disk or the monitor's death cut it short.
            continue
        if last is not None and entry.time > last:
            return
        if entry.time >= first:
            yield entry


def _paths(directory: str) -> list[str]:
    numbers = sorted(
        (int(found[1]) for path in Path(directory).iterdir() if (found := _NUMBERED.fullmatch(path.name))),
        reverse=True,
    )
    return [
        str(Path(directory, name)) for name in (*(f"container.log.{n}" for n in numbers), "container.log")
    ]
