"""Which devices of the host --device gives a container."""

import os
import stat
from pathlib import Path
from posixpath import normpath

from runtime.spec import Device
from tare.errors import UsageError


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
