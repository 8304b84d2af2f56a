"""`tarebox-oci events`: print statistics and out-of-memory events of a container, one JSON object a line."""

from __future__ import annotations

import os
import select
import sys
import time

from runtime import light
from runtime.oci import arguments
from runtime.oci.commands import pause
from runtime.oci.errors import OciError
from runtime.oci.record import Record

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    from runtime.cgroups.manager import Manager
    from runtime.cgroups.oom import OomWatch
    from runtime.oci.cli import Options

_LATE = 0.1
_SECONDS = {"ns": 1e-9, "us": 1e-6, "µs": 1e-6, "ms": 1e-3, "s": 1.0, "m": 60.0, "h": 3600.0}


def run(options: Options, words: list[str]) -> int:
    """Print statistics at an interval and each out-of-memory kill until the container stops; or --stats once.

    Raises:
        OciError: there is no such container, it is not running, or the interval is none.
        CgroupError: the statistics can't be read.
    """
    found, rest = arguments.parse(words, values={"interval": "interval"}, flags={"stats": "stats"})
    interval = duration(found.get("interval", "5s"))
    record = Record.load(options.root, arguments.container(rest))
    record.require("observe", "running", "created", "paused")
    groups = pause.groups(record, "observe")
    if found.get("stats"):
        _print("stats", record.name, groups.stats())
    else:
        _follow(record, groups, interval)
    return 0


def _follow(record: Record, groups: Manager, interval: float) -> None:
    process = record.pidfd()
    if process < 0:
        return
    try:
        with groups.watch_oom() as watch:
            _report(record.name, groups, interval, process, watch)
    finally:
        os.close(process)


def _report(name: str, groups: Manager, interval: float, process: int, watch: OomWatch) -> None:
    poll = select.poll()
    poll.register(process, select.POLLIN)
    poll.register(watch.fileno(), select.POLLIN)
    due = time.monotonic() + interval
    while True:
        ready = dict(poll.poll(max(0.0, due - time.monotonic()) * 1000))
        # The kernel may tell of the kill after the death.
        happened = watch.event(_LATE if process in ready else 0)
        if happened == "oom":
            _print("oom", name)
        elif happened == "gone" or process in ready:
            return
        elif time.monotonic() >= due:
            _print("stats", name, groups.stats())
            due += interval


def _print(kind: str, name: str, data: dict[str, Any] | None = None) -> None:
    event = {"type": kind, "id": name}
    sys.stdout.write(light.dumps(event if data is None else event | {"data": data}) + "\n")
    sys.stdout.flush()


def duration(text: str) -> float:
    """Seconds of a duration such as `5s`, `1m30s` or `1.5h`.

    Raises:
        OciError: it is none, or not above zero.
    """
    import re

    parts = re.findall(r"([0-9]+(?:\.[0-9]+)?)(ns|us|µs|ms|s|m|h)", text, re.ASCII)
    seconds = sum(float(number) * _SECONDS[unit] for number, unit in parts)
    if "".join(number + unit for number, unit in parts) != text or not 0 < seconds < 1e6:
        raise OciError(f"{text!r} is no interval", "write one such as 5s or 1m30s")
    return seconds
