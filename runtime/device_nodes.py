# ruff: noqa: PTH116 - plain strings, as in system calls
"""The host's devices that a specification gives a container, and what its control group allows of them."""

import os
import stat
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from runtime import devices
from runtime.cgroups.device_rules import ANY, DEFAULTS, parsed
from runtime.spec import ContainerSpec
from tare.errors import UsageError

if TYPE_CHECKING:
    from runtime.cgroups.device_rules import Rule

PARENT = "-devices"
"""Ends the name of the group that containers with devices of the host are below; it has no rules of its own,
as on version 1 a group can't be allowed more than its parent."""
_OURS = (
    "console",
    "core",
    "fd",
    "full",
    "mqueue",
    "null",
    "ptmx",
    "pts",
    "random",
    "shm",
    "tty",
    "urandom",
    "zero",
)
"""What /dev has anyway, or what would be another's."""
_ALL: "tuple[Rule, ...]" = ((True, "a", ANY, ANY, "rwm"),)


@dataclass(frozen=True)
class Node:
    """A device node of the host and its place inside."""

    source: str
    target: str
    mode: int
    number: int
    uid: int
    gid: int


def nodes(spec: ContainerSpec) -> list[Node]:
    """What is made inside beside the nodes every container has.

    Raises:
        UsageError: the host has no such device.
    """
    every = list(_below("/dev", "")) if spec.privileged else []
    given = [_node(device.source, device.target) for device in spec.devices]
    taken = {node.target for node in given}
    return [*(node for node in every if node.target not in taken), *given]


def rules(spec: ContainerSpec, given: "Sequence[dict[str, Any]]" = ()) -> "tuple[Rule, ...]":
    """What its control group allows; empty for what every container is allowed.

    Args:
        spec: the container.
        given: further rules, as `linux.resources.devices` of the OCI runtime specification.

    Raises:
        UsageError: the host has no such device.
        CgroupError: a rule is none.
    """
    if spec.privileged:
        return _ALL
    if not spec.devices and not given:
        return ()
    found = []
    for device in spec.devices:
        node = _node(device.source, device.target)
        kind = "b" if stat.S_ISBLK(node.mode) else "c"
        found.append((True, kind, os.major(node.number), os.minor(node.number), device.access))
    return (*DEFAULTS, *found, *parsed(given))


def _node(source: str, target: str) -> Node:
    try:
        status = os.stat(source)
    except OSError as error:
        raise UsageError(f"no device {source}: {error.strerror}", "name one of this host") from None
    if not (stat.S_ISCHR(status.st_mode) or stat.S_ISBLK(status.st_mode)):
        raise UsageError(f"{source} is no device", "name one such as /dev/fuse")
    return Node(source, target, status.st_mode, status.st_rdev, status.st_uid, status.st_gid)


def _below(directory: str, inside: str) -> Iterator[Node]:
    for entry in sorted(os.scandir(directory), key=lambda entry: entry.name):
        if not inside and (entry.name in _OURS or entry.name in devices.DIRECTORIES):
            continue
        if entry.is_dir(follow_symlinks=False):
            yield from _below(entry.path, f"{inside}/{entry.name}")
        elif not entry.is_symlink() and not entry.is_file(follow_symlinks=False):
            status = entry.stat(follow_symlinks=False)
            if stat.S_ISCHR(status.st_mode) or stat.S_ISBLK(status.st_mode):
                yield Node(
                    entry.path,
                    f"/dev{inside}/{entry.name}",
                    status.st_mode,
                    status.st_rdev,
                    status.st_uid,
                    status.st_gid,
                )
