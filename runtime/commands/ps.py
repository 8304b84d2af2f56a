"""`tarebox ps`: the containers there are."""

import argparse
from collections.abc import Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from runtime.commandline import filters
from tare.state import State

if TYPE_CHECKING:
    from runtime.commandline.container_size import Size
    from runtime.commandline.formats import Row
    from runtime.lifecycle.record import Record
    from runtime.lifecycle.viewing import Viewing

SUMMARY = "list containers"
_COLUMNS = {
    "ID": "CONTAINER ID",
    "Image": "IMAGE",
    "Command": "COMMAND",
    "RunningFor": "CREATED",
    "Status": "STATUS",
    "Ports": "PORTS",
    "Names": "NAMES",
}
_COMMAND = 20
_MOUNT = 15
_HEALTH = {"healthy": " (healthy)", "unhealthy": " (unhealthy)", "starting": " (health: starting)"}
_KEYS = (
    *("id", "name", "label", "status", "exited", "ancestor", "health"),
    *("network", "volume", "publish", "since", "before"),
)


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Its options."""
    parser.add_argument("-a", "--all", action="store_true", help="also those that don't run")
    filters.add_argument(parser, _KEYS)
    parser.add_argument("--format", metavar="FORMAT", default="", help="table, json or a template")
    parser.add_argument("-n", "--last", metavar="N", type=int, default=-1, help="the N created last")
    parser.add_argument(
        *("-l", "--latest"), dest="last", action="store_const", const=1, help="the one created last"
    )
    parser.add_argument("--no-trunc", action="store_true", help="cut nothing short")
    parser.add_argument("-q", "--quiet", action="store_true", help="ids only")
    parser.add_argument("-s", "--size", action="store_true", help="how much of the disk they take")


def run(options: argparse.Namespace, state: State) -> int:
    """List them, the newest first."""
    from runtime.commandline.formats import show
    from runtime.lifecycle.viewing import Viewing

    containers = Viewing(state)
    wanted = filters.parse(options.filter)
    records = containers.list(every=options.all or options.last > 0, filters=wanted)
    records = records[: options.last] if options.last > 0 else records
    rows: Iterator[Row] = iter([{"ID": record.id} for record in records])
    if not options.quiet:
        needs_size = options.size or ".Size" in options.format
        rows = _rows(state, containers, records, size=needs_size, no_trunc=options.no_trunc)
    show(
        rows,
        columns=_COLUMNS | ({"Size": "SIZE"} if options.size else {}),
        format=options.format,
        quiet=options.quiet,
        no_trunc=options.no_trunc,
    )
    return 0


def _rows(
    state: State, containers: "Viewing", records: "Sequence[Record]", *, size: bool, no_trunc: bool
) -> "Iterator[Row]":
    from runtime.lifecycle.errors import NoSuchContainerError

    for record in records:
        try:
            taken = _size(state, containers, record) if size else None
            yield _row(containers.inspect(record.id), taken, no_trunc=no_trunc)
        except NoSuchContainerError:
            # It was removed meanwhile.
            continue


def _size(state: State, containers: "Viewing", record: "Record") -> "Size":
    from runtime.commandline import container_size
    from runtime.image.store import ImageStore

    return container_size.size(containers, ImageStore(state), record)


def _row(known: Mapping[str, Any], size: "Size | None", *, no_trunc: bool) -> "Row":
    from runtime.commandline import ports, units
    from runtime.commandline.formats import cut
    from runtime.commandline.template_functions import to_json

    command = " ".join([known["Path"], *known["Args"]])
    labels = known["Config"]["Labels"] or {}
    created = units.parse_time(known["Created"])
    mounts = [mount.get("Name") or mount["Source"] for mount in known.get("Mounts", ())]
    network = known["NetworkSettings"]
    return {
        "ID": known["Id"],
        "Names": known["Name"].removeprefix("/"),
        "Image": known["Config"]["Image"],
        "Command": to_json(command if no_trunc else cut(command, _COMMAND)),
        "CreatedAt": units.timestamp(created),
        "RunningFor": units.ago(created),
        "State": known["State"]["Status"],
        "Status": status(known["State"]),
        "Ports": ports.describe(network["Ports"]),
        "Networks": ",".join(network.get("Networks", ())),
        "Mounts": ",".join(mount if no_trunc else cut(mount, _MOUNT) for mount in mounts),
        "LocalVolumes": str(sum(mount["Type"] == "volume" for mount in known.get("Mounts", ()))),
        "Labels": ",".join(f"{key}={value}" for key, value in labels.items()),
        "Label": lambda name: labels.get(name, ""),
        "Size": f"{units.size(size.own)} (virtual {units.size(size.virtual)})" if size else "0B",
    }


def status(known: Mapping[str, Any]) -> str:
    """The status of a container in Docker's words.

    Args:
        known: `State` of `docker inspect`.
    """
    from runtime.commandline import units

    name = known["Status"]
    if name in ("running", "paused"):
        since = units.duration((_now() - units.parse_time(known["StartedAt"])) / 1e9)
        health = _HEALTH.get(known.get("Health", {}).get("Status", ""), "")
        return f"Up {since}{' (Paused)' if name == 'paused' else health}"
    if name in ("exited", "restarting"):
        # The end of one that was killed with its monitor is unknown.
        is_known = not known["FinishedAt"].startswith("0001")
        ended = f" {units.ago(units.parse_time(known['FinishedAt']))}" if is_known else ""
        return f"{name.capitalize()} ({known['ExitCode']}){ended}"
    return "Removal In Progress" if name == "removing" else name.capitalize()


def _now() -> int:
    import time

    return time.time_ns()
