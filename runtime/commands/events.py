"""`tarebox events`: what happens to containers."""

import argparse
import json
from typing import TYPE_CHECKING, Any

from runtime.commandline import filters
from tare.state import State

if TYPE_CHECKING:
    from runtime.commandline.template import Template
    from runtime.lifecycle.journal import Event

SUMMARY = "print what happens to containers as it happens"
_FILTERS: filters.Filters["Event"] = {
    "container": lambda event, value: event.id.startswith(value) or event.attributes.get("name") == value,
    "event": lambda event, value: event.status == value or event.status.partition(":")[0] == value,
    "image": lambda event, value: value in (_image(event), _image(event).partition(":")[0]),
    "label": lambda event, value: filters.has_label(event.attributes, value),
    "type": lambda _, value: value == "container",
    "scope": lambda _, value: value == "local",
}


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Its options."""
    filters.add_argument(parser, _FILTERS)
    parser.add_argument(
        "--since", metavar="TIME", help="also those from then on, such as 10m or 2026-01-02T15:04:05"
    )
    parser.add_argument("--until", metavar="TIME", help="no later ones, and no end otherwise")
    parser.add_argument("--format", metavar="FORMAT", default="", help="json or a template")


def run(options: argparse.Namespace, state: State) -> int:
    """Print them until it is interrupted."""
    import time

    from runtime.commandline.formats import plain
    from runtime.commandline.template import Template
    from runtime.commandline.units import parse_time
    from runtime.lifecycle.viewing import Viewing

    now = time.time_ns()
    since = parse_time(options.since, now) if options.since else now
    until = parse_time(options.until, now) if options.until else None
    wanted = filters.parse(options.filter)
    filters.select((), _FILTERS, wanted)
    template = None if options.format in ("", "json") else Template(plain(options.format))
    containers = Viewing(state)
    follow = until is None or until > now
    for event in containers.events.read(since=since, until=until, follow=follow):
        if filters.select([event], _FILTERS, wanted):
            print(_shown(event, options.format, template), flush=True)
    return 0


def _shown(event: "Event", format: str, template: "Template | None") -> str:
    if template:
        return template.render(_by_gos_names(_known(event)))
    return json.dumps(_known(event), separators=(",", ":")) if format else _line(event)


def _by_gos_names(known: dict[str, Any]) -> dict[str, Any]:
    """The fields that templates have, while JSON has others."""
    return {{"id": "ID", "timeNano": "TimeNano"}.get(key, key.capitalize()): known[key] for key in known}


def _line(event: "Event") -> str:
    from runtime.commandline.units import local_rfc3339

    attributes = ", ".join(f"{key}={value}" for key, value in sorted(event.attributes.items()))
    return f"{local_rfc3339(event.time)} container {event.status} {event.id} ({attributes})"


def _known(event: "Event") -> dict[str, Any]:
    """An event as Docker's API has it."""
    return {
        "status": event.status,
        "id": event.id,
        "from": _image(event),
        "Type": "container",
        "Action": event.status,
        "Actor": {"ID": event.id, "Attributes": event.attributes},
        "scope": "local",
        "time": event.time // 10**9,
        "timeNano": event.time,
    }


def _image(event: "Event") -> str:
    return event.attributes.get("image", "")
