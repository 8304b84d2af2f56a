"""What people see of a container: `docker inspect`'s form, and the choice of `docker ps`."""

import fnmatch
import signal
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any

from runtime.lifecycle import codec, health
from runtime.lifecycle.logs import timestamp
from runtime.lifecycle.record import Record
from tare.errors import UsageError

_NEVER = "0001-01-01T00:00:00Z"
_LIVE = ("running", "paused", "restarting")


def inspect(record: Record) -> dict[str, Any]:
    """All that is known of a container; times are RFC 3339."""
    settings = record.settings
    spec = settings.spec
    return {
        "Id": record.id,
        "Created": timestamp(record.values["created_at"]),
        "Path": spec.argv[0],
        "Args": list(spec.argv[1:]),
        "State": _state(record),
        "Image": settings.image,
        "LogPath": f"{record.path}/container.log",
        "Name": f"/{record.name}",
        "RestartCount": record.state.get("restarts", 0),
        "Driver": "overlay",
        "HostConfig": {
            "Binds": [f"{bind.source}:{bind.target}{':ro' if bind.read_only else ''}" for bind in spec.binds],
            "LogConfig": {"Type": "json-file", "Config": codec.encode(settings.log)},
            "RestartPolicy": {"Name": settings.restart.name, "MaximumRetryCount": settings.restart.maximum},
            "AutoRemove": settings.auto_remove,
            "CapAdd": sorted(spec.capabilities),
            "ReadonlyRootfs": spec.read_only,
            "Memory": spec.limits.memory or 0,
            "NanoCpus": round((spec.limits.cpus or 0) * 1e9),
            "PidsLimit": spec.limits.pids,
            "Init": settings.init,
            "Resources": dict(settings.resources),
        },
        "GraphDriver": {"Name": "overlay", "Data": {"UpperDir": f"{record.path}/layer/upper"}},
        "Config": {
            "Hostname": settings.hostname or record.id[:12],
            "User": settings.user,
            "Tty": settings.tty,
            "OpenStdin": settings.open_stdin,
            "Env": [f"{name}={value}" for name, value in spec.env.items()],
            "Cmd": list(spec.argv),
            "Image": settings.image,
            "WorkingDir": spec.cwd,
            "Labels": dict(settings.labels),
            "StopSignal": signal.Signals(settings.stop_signal).name,
            "StopTimeout": settings.stop_timeout,
            **({"Healthcheck": codec.encode(settings.health)} if settings.health else {}),
        },
        "NetworkSettings": {"Ports": list(map(str, settings.networking.publish))},
    }


def select(records: Iterable[Record], *, every: bool, filters: Mapping[str, Sequence[str]]) -> list[Record]:
    """Records, the newest first; see Containers.list.

    Raises:
        UsageError: no such filter.
    """
    if unknown := set(filters) - set(_FILTERS):
        raise UsageError(f"invalid filter {sorted(unknown)[0]!r}", f"use one of {', '.join(_FILTERS)}")
    every = every or bool({"status", "exited"} & set(filters))
    found = [
        record
        for record in records
        if (every or record.status() in _LIVE)
        and all(any(_FILTERS[key](record, value) for value in values) for key, values in filters.items())
    ]
    return sorted(found, key=lambda record: -record.values["created_at"])


def _state(record: Record) -> dict[str, Any]:
    status = record.status()
    is_live = status in ("running", "paused")
    ended = record.exit() if not is_live else None
    started_at = record.state.get("started_at")
    state: dict[str, Any] = {
        "Status": status,
        "Running": is_live,
        "Paused": status == "paused",
        "Restarting": status == "restarting",
        "OOMKilled": bool(ended and ended.oom_killed),
        "Dead": False,
        "Pid": record.state["pid"] if is_live else 0,
        "ExitCode": ended.code if ended else 0,
        "Error": ended.error if ended else "",
        "StartedAt": timestamp(started_at) if started_at else _NEVER,
        "FinishedAt": timestamp(ended.finished_at) if ended and ended.finished_at else _NEVER,
    }
    if record.settings.health:
        values = health.read(record)
        state["Health"] = {
            "Status": values["status"] if is_live else "unhealthy",
            "FailingStreak": values["failing"],
            "Log": [
                {
                    "Start": timestamp(entry["start"]),
                    "End": timestamp(entry["end"]),
                    "ExitCode": entry["exit_code"],
                    "Output": entry["output"],
                }
                for entry in values["log"]
            ],
        }
    return state


def _has_label(record: Record, wanted: str) -> bool:
    name, equals, value = wanted.partition("=")
    labels = record.settings.labels
    return name in labels and (not equals or labels[name] == value)


def _exited(record: Record, code: str) -> bool:
    return record.status() == "exited" and str(record.exit().code) == code


_FILTERS: dict[str, Callable[[Record, str], bool]] = {
    "id": lambda record, value: record.id.startswith(value),
    "name": lambda record, value: value.strip("/^$") in record.name or fnmatch.fnmatch(record.name, value),
    "label": _has_label,
    "status": lambda record, value: record.status() == value,
    "exited": _exited,
    "ancestor": lambda record, value: record.settings.image == value,
    "health": lambda record, value: (
        (health.read(record)["status"] if record.settings.health else "none") == value
    ),
}
