"""`tarebox-oci list`: the containers of this root."""

from __future__ import annotations

import os
import sys

from runtime import light
from runtime.oci import arguments
from runtime.oci.errors import OciError
from runtime.oci.record import VERSION, Record, UnknownContainerError, names

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator
    from typing import Any

    from runtime.oci.cli import Options

_COLUMNS = ("id", "pid", "status", "bundle", "created", "owner")


def run(options: Options, words: list[str]) -> int:
    """Print all containers as a table, as JSON, or their ids.

    Raises:
        OciError: an unknown format.
    """
    found, rest = arguments.parse(
        words, values={"format": "format", "f": "format"}, flags={"quiet": "quiet", "q": "quiet"}
    )
    form = found.get("format", "table")
    if rest or form not in {"table", "json"}:
        raise OciError(
            f"can't list {' '.join(rest)} as {form}", "use --format table or json, and no argument"
        )
    if found.get("quiet"):
        text = "".join(f"{name}\n" for name in names(options.root))
    elif form == "json":
        text = light.dumps(list(_containers(options))) + "\n"
    else:
        text = _table([_COLUMNS, *(tuple(str(row[key]) for key in _COLUMNS) for row in _containers(options))])
    sys.stdout.write(text)
    return 0


def _containers(options: Options) -> Iterator[dict[str, Any]]:
    for name in names(options.root):
        try:
            record = Record.load(options.root, name)
        except UnknownContainerError:
            continue
        except OciError as error:
            options.fail(str(error))
            continue
        state = record.state()
        entry = {
            "ociVersion": record.values.get("ociVersion", VERSION),
            "id": name,
            "pid": state["pid"],
            "status": state["status"],
            "bundle": state["bundle"],
            "rootfs": record.values.get("rootfs", ""),
            "created": record.values.get("created", ""),
            "owner": _user(record.values.get("owner", os.geteuid())),
        }
        if "annotations" in state:
            entry["annotations"] = state["annotations"]
        yield entry


def _user(uid: int) -> str:
    import pwd

    try:
        return pwd.getpwuid(uid).pw_name
    except KeyError:
        return f"#{uid}"


def _table(rows: list[tuple[str, ...]]) -> str:
    rows[0] = tuple(title.upper() for title in rows[0])
    widths = [max(9, *map(len, column)) + 3 for column in zip(*rows, strict=True)]
    lines = ("".join(map(str.ljust, row, widths)).rstrip() for row in rows)
    return "".join(f"{line}\n" for line in lines)
