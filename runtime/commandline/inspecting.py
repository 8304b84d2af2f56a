"""All that is known of things a command line names, as `docker inspect` shows it."""

import argparse
import json
from collections.abc import Callable, Iterable
from typing import Any

from runtime.commandline.each import each


def add_argument(parser: argparse.ArgumentParser) -> None:
    """The option --format."""
    parser.add_argument(
        "-f", "--format", metavar="FORMAT", default="", help="json, or a template such as '{{.Id}}'"
    )


def inspect(names: Iterable[str], find: Callable[[str], Any], format: str) -> int:
    """Print what is known of each thing; the exit status, 1 when one isn't there.

    Args:
        names: as on the command line.
        find: what is known of one, or a TareError.
        format: `json`, a template for a line each, or empty for an indented JSON array of all.

    Raises:
        TemplateError: the template is none, or asks for what isn't known.
    """
    found: list[Any] = []
    status = each(names, lambda name: found.append(find(name)), show=False)
    if format in ("", "json"):
        shape: dict[str, Any] = {"separators": (",", ":")} if format else {"indent": 4}
        print(json.dumps(found, ensure_ascii=False, default=str, **shape))
        return status
    from runtime.commandline.formats import plain
    from runtime.commandline.template import Template

    template = Template(plain(format))
    for thing in found:
        print(template.render(thing))
    return status
