"""Which devices of the host --device gives a container, and --device-cgroup-rule lets it use."""

import os
import re
import stat
from pathlib import Path
from posixpath import normpath
from typing import Any

from runtime.spec import Device
from tare.errors import UsageError

_RULE = re.compile(r"([acb]) ([0-9]{1,9}|\*):([0-9]{1,9}|\*) ([rwm]{1,3})", re.ASCII)


def devices(text: str) -> tuple[Device, ...]:
    """From `PATH[:PATH INSIDE][:rwm]`, where a directory below /dev stands for all devices in it.

    Raises:
        UsageError: there is no such device.
    """
    source, *others = text.split(":")
    access = others.pop() if others and not others[-1].startswith("/") else "rwm"
    if len(others) > 1 or not source.startswith("/"):
        raise UsageError(f"--device {text!r} names no device", "write PATH[:PATH INSIDE][:rwm]")
    target = others[0] if others else source
    found = tuple(
        Device(path, normpath(f"{target}/{path.removeprefix(source)}"), access) for path in _nodes(source)
    )
    if not found:
        raise UsageError(f"--device {text!r}: there is no device {source}", "name one such as /dev/fuse")
    return found


def rule(text: str) -> dict[str, Any]:
    """From `TYPE MAJOR:MINOR ACCESS`, as an entry of `linux.resources.devices`.

    Raises:
        UsageError: it is no rule.
    """
    found = _RULE.fullmatch(text)
    if not found:
        raise UsageError(f"invalid device cgroup format {text!r}", "write such as 'c 10:229 rwm'")
    kind, major, minor, access = found.groups()
    numbers = {key: int(number) for key, number in (("major", major), ("minor", minor)) if number != "*"}
    return {"allow": True, "type": kind, **numbers, "access": access}


def _nodes(path: str) -> list[str]:
    if _is_device(path):
        return [path]
    if not normpath(path).startswith("/dev/"):
        return []
    return sorted(
        node
        for directory, _, names in os.walk(path)
        for name in names
        if _is_device(node := str(Path(directory, name)))
    )


def _is_device(path: str) -> bool:
    try:
        mode = Path(path).stat().st_mode
    except OSError:
        return False
    return stat.S_ISCHR(mode) or stat.S_ISBLK(mode)
