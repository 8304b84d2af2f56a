"""What people see of a container: `docker inspect`'s form, and the choice of `docker ps`."""

import fnmatch
import signal
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from runtime.lifecycle import health, inspecting_host, inspecting_network
from runtime.lifecycle.directory import Directory
from runtime.lifecycle.logs import timestamp
from runtime.lifecycle.record import Record
from runtime.lifecycle.roots import Roots
from runtime.lifecycle.settings import HealthCheck
from tare.errors import UsageError
from tare.ports import Published, parse
from tare.state import State

_NEVER = "0001-01-01T00:00:00Z"
_SHORTEST_ID = 4
_LIVE = ("running", "paused", "restarting")


def inspect(state: State, roots: Roots, record: Record) -> dict[str, Any]:
    """All that is known of a container; times are RFC 3339."""
    settings = record.settings
    spec = settings.spec
    return {
        "Id": record.id,
        "Created": timestamp(record.values["created_at"]),
        "Path": spec.argv[0],
        "Args": list(spec.argv[1:]),
        "State": _state(record),
        "Image": settings.image_id or settings.image,
        **inspecting_network.files(state, record),
        "LogPath": "" if settings.log.driver == "none" else f"{record.path}/container.log",
        "Name": f"/{record.name}",
        "RestartCount": record.state.get("restarts", 0),
        "Driver": settings.driver or "overlay",
        "Platform": "linux",
        "HostConfig": inspecting_host.host_config(settings),
        "GraphDriver": inspecting_host.graph_driver(roots, record),
        "Mounts": inspecting_host.mounts(state, settings),
        "Config": _config(record),
        "NetworkSettings": inspecting_network.network_settings(state, record),
    }


def published(state: State, record: Record) -> Sequence[Published]:
    """The ports of the host that lead to a container, none while it doesn't run."""
    return inspecting_network.published(state, record)


def _config(record: Record) -> dict[str, Any]:
    settings = record.settings
    spec = settings.spec
    has_words = settings.entrypoint or settings.cmd
    return {
        "Hostname": settings.hostname or record.id[:12],
        "Domainname": "",
        "User": settings.user,
        "ExposedPorts": {port: {} for port in settings.exposed},
        "Tty": settings.tty,
        "OpenStdin": settings.open_stdin,
        "Env": [f"{name}={value}" for name, value in spec.env.items()],
        "Cmd": list(settings.cmd if has_words else spec.argv) or None,
        "Image": settings.image,
        "Volumes": {mount.target: {} for mount in settings.mounts if mount.kind == "volume"} or None,
        "WorkingDir": spec.cwd,
        "Entrypoint": list(settings.entrypoint) or None,
        "Labels": dict(settings.labels),
        "StopSignal": signal.Signals(settings.stop_signal).name,
        "StopTimeout": settings.stop_timeout,
        **({"Healthcheck": _health_check(settings.health)} if settings.health else {}),
    }


def _health_check(check: HealthCheck) -> dict[str, Any]:
    is_shell = check.argv[:2] == ("/bin/sh", "-c") and len(check.argv) == 3
    return {
        "Test": ["CMD-SHELL", check.argv[2]] if is_shell else ["CMD", *check.argv],
        "Interval": round(check.interval * 1e9),
        "Timeout": round(check.timeout * 1e9),
        "StartPeriod": round(check.start_period * 1e9),
        "Retries": check.retries,
    }


def select(
    state: State, directory: Directory, *, every: bool, filters: Mapping[str, Sequence[str]]
) -> list[Record]:
    """Records, the newest first; see Containers.list.

    Raises:
        UsageError: no such filter, or no such value for one.
        NoSuchContainerError: there is none of the name that `since` or `before` has.
    """
    if unknown := set(filters) - set(_FILTERS):
        raise UsageError(f"invalid filter {sorted(unknown)[0]!r}", f"use one of {', '.join(_FILTERS)}")
    every = every or bool({"status", "exited"} & set(filters))
    chosen = [
        [_FILTERS[key](_Seen(state, directory), value) for value in values] for key, values in filters.items()
    ]
    found = [
        record
        for record in directory
        if (every or record.status() in _LIVE)
        and all(any(holds(record) for holds in alternatives) for alternatives in chosen)
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


@dataclass(frozen=True)
class _Seen:
    """What filters look at beside a container."""

    state: State
    directory: Directory


_Holds = Callable[[Record], bool]


def _label(_: _Seen, wanted: str) -> _Holds:
    name, equals, value = wanted.partition("=")

    def holds(record: Record) -> bool:
        labels = record.settings.labels
        return name in labels and (not equals or labels[name] == value)

    return holds


def _exited(_: _Seen, code: str) -> _Holds:
    return lambda record: record.status() == "exited" and str(record.exit().code) == code


def _ancestor(_: _Seen, image: str) -> _Holds:
    def holds(record: Record) -> bool:
        settings = record.settings
        identity = settings.image_id.removeprefix("sha256:")
        is_id = len(image) >= _SHORTEST_ID and identity.startswith(image.removeprefix("sha256:"))
        return (
            is_id
            or image in (settings.image, f"{settings.image}:latest")
            or settings.image == f"{image}:latest"
        )

    return holds


def _health(_: _Seen, wanted: str) -> _Holds:
    return lambda record: (health.read(record)["status"] if record.settings.health else "none") == wanted


def _since(seen: _Seen, reference: str) -> _Holds:
    created = seen.directory.find(reference).values["created_at"]
    return lambda record: bool(record.values["created_at"] > created)


def _before(seen: _Seen, reference: str) -> _Holds:
    created = seen.directory.find(reference).values["created_at"]
    return lambda record: bool(record.values["created_at"] < created)


def _volume(_: _Seen, wanted: str) -> _Holds:
    return lambda record: any(wanted in (mount.source, mount.target) for mount in record.settings.mounts)


def _network(seen: _Seen, wanted: str) -> _Holds:
    return lambda record: inspecting_network.on_network(seen.state, record, wanted)


def _publish(seen: _Seen, text: str) -> _Holds:
    wanted = {(one.protocol, one.port) for one in parse(text)}

    def holds(record: Record) -> bool:
        ports = (*published(seen.state, record), *record.settings.networking.publish)
        return any({(one.protocol, one.port), (one.protocol, one.host_port)} & wanted for one in ports)

    return holds


def _expose(_: _Seen, text: str) -> _Holds:
    wanted = {f"{one.port}/{one.protocol}" for one in parse(text)}
    return lambda record: bool(wanted & set(record.settings.exposed))


_FILTERS: dict[str, Callable[[_Seen, str], _Holds]] = {
    "id": lambda _, value: lambda record: record.id.startswith(value),
    "name": lambda _, value: (
        lambda record: value.strip("/^$") in record.name or fnmatch.fnmatch(record.name, value)
    ),
    "label": _label,
    "status": lambda _, value: lambda record: record.status() == value,
    "exited": _exited,
    "ancestor": _ancestor,
    "health": _health,
    "since": _since,
    "before": _before,
    "volume": _volume,
    "network": _network,
    "publish": _publish,
    "expose": _expose,
}
