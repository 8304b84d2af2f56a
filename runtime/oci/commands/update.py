"""`tarebox-oci update`: change the resource limits of a container."""

from __future__ import annotations

import sys

from runtime.oci import arguments, config
from runtime.oci.commands import pause
from runtime.oci.errors import OciError
from runtime.oci.record import Record

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    from runtime.oci.cli import Options

_BYTES = {
    "memory": ("memory", "limit"),
    "memory-reservation": ("memory", "reservation"),
    "memory-swap": ("memory", "swap"),
    "kernel-memory": ("memory", "kernel"),
    "kernel-memory-tcp": ("memory", "kernelTCP"),
}
_NUMBERS = {
    "blkio-weight": ("blockIO", "weight"),
    "cpu-period": ("cpu", "period"),
    "cpu-quota": ("cpu", "quota"),
    "cpu-burst": ("cpu", "burst"),
    "cpu-share": ("cpu", "shares"),
    "cpu-idle": ("cpu", "idle"),
    "cpu-rt-period": ("cpu", "realtimePeriod"),
    "cpu-rt-runtime": ("cpu", "realtimeRuntime"),
    "pids-limit": ("pids", "limit"),
}
_TEXTS = {"cpuset-cpus": ("cpu", "cpus"), "cpuset-mems": ("cpu", "mems")}
_REFUSED = ("l3-cache-schema", "mem-bw-schema")
_UNITS = ("", "k", "m", "g", "t", "p")


def run(options: Options, words: list[str]) -> int:
    """Change the limits that are given and leave the others.

    Raises:
        OciError: there is no such container, it is not running, or a value has no meaning.
        ConfigError: what --resources names is no `linux.resources` object, or a value is out of range.
        CgroupError: the host lacks a controller, or the kernel refuses a value.
    """
    spellings = {**_BYTES, **_NUMBERS, **_TEXTS}
    found, rest = arguments.parse(
        words,
        values={
            "resources": "resources",
            "r": "resources",
            **{spelling: spelling for spelling in (*spellings, *_REFUSED)},
        },
    )
    record = Record.load(options.root, arguments.container(rest))
    if refused := [name for name in _REFUSED if name in found]:
        raise OciError(f"can't set --{refused[0]}", "Intel RDT is not supported")
    resources = _read(found["resources"]) if "resources" in found else _gather(found)
    if not resources:
        raise OciError(f"nothing to update of {record.name!r}", "give --resources or one of the limits")
    config.check_resources(resources)
    with record.lock():
        record.read()
        record.require("update", "running", "created", "paused")
        pause.groups(record, "update").update(resources)
    return 0


def _read(path: str) -> dict[str, Any]:
    if path == "-":
        return config.parse(sys.stdin.buffer.read(), "the standard input")
    with open(path, "rb") as file:
        return config.parse(file.read(), path)


def _gather(found: dict[str, str]) -> dict[str, Any]:
    resources: dict[str, Any] = {}
    for spellings, convert in ((_BYTES, size), (_NUMBERS, int), (_TEXTS, str)):
        for spelling, (section, key) in spellings.items():
            if spelling in found:
                try:
                    resources.setdefault(section, {})[key] = convert(found[spelling])
                except ValueError:
                    raise OciError(f"--{spelling} {found[spelling]} is no number", "see --help") from None
    return resources


def size(text: str) -> int:
    """A number of bytes, such as `1048576`, `512m`, `1.5GiB`; -1 for no limit. Units are powers of 1024.

    Raises:
        ValueError: it is no such number.
    """
    import re

    if text.strip() == "-1":
        return -1
    found = re.fullmatch(r"\s*([0-9]+(?:\.[0-9]+)?)\s*(?:([kmgtp]?)(?:i?b)?)\s*", text.lower())
    if found is None:
        raise ValueError(text)
    number, unit = found.groups()
    factor = 1024 ** _UNITS.index(unit)
    return int(number) * factor if number.isdigit() else int(float(number) * factor)
