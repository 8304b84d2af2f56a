"""The part of a plan that mounts what a specification asks for beside the kernel's filesystems."""

import os
import stat
from collections.abc import Iterator

from runtime import device_nodes, mounts, syscalls
from runtime.child import Step
from runtime.spec import Bind, ContainerSpec, Tmpfs
from tare.errors import UsageError

_PROPAGATION = {"shared": syscalls.MS_SHARED, "slave": syscalls.MS_SLAVE, "private": syscalls.MS_PRIVATE}
_TMPFS = ("noexec", "nosuid", "nodev")
"""Attributes of a filesystem in memory unless `exec`, `suid` or `dev` is asked for, as Docker has them."""
_OPTIONS = frozenset(("size", "mode", "uid", "gid", "nr_blocks", "nr_inodes", "huge", "mpol"))
_WITHOUT_EFFECT = frozenset(("rw", "async", "relatime", "exec", "suid", "dev"))


def given(spec: ContainerSpec) -> list[Step]:
    """Binds and filesystems in memory, those that lie in others after these."""
    steps = [
        *((bind.target, _bind(bind)) for bind in spec.binds),
        *((tmpfs.target, _tmpfs(tmpfs)) for tmpfs in spec.tmpfs),
    ]
    return [
        step for _, step in sorted(steps, key=lambda each: len([part for part in each[0].split("/") if part]))
    ]


def devices(spec: ContainerSpec, *, as_binds: bool) -> Iterator[Step]:
    """Nodes of the host's devices.

    Args:
        spec: the container.
        as_binds: whether the host's own nodes have to do, as in a user namespace none can be made.

    Raises:
        UsageError: the host has no such device.
    """
    for node in device_nodes.nodes(spec):
        if as_binds:
            yield ("bind", "", node.source, node.target, 0, ((0, syscalls.MS_PRIVATE, 0),))
        else:
            yield ("device", node.target, _plain(node.mode), node.number, node.uid, node.gid)


def _bind(bind: Bind) -> Step:
    propagation = bind.propagation or "rprivate"
    kind = propagation.removeprefix("r")
    # What comes from the launcher's own namespace is at most a slave of the host's.
    namespace = bind.namespace or (f"/proc/{os.getpid()}/ns/mnt" if kind == "shared" else "")
    is_whole = propagation != kind
    changes = [(0, _PROPAGATION[kind], syscalls.AT_RECURSIVE if is_whole else 0)]
    if bind.read_only:
        changes.append((mounts.ATTRIBUTES["ro"], 0, 0 if bind.has_writable else syscalls.AT_RECURSIVE))
    recursive = syscalls.AT_RECURSIVE if bind.is_recursive else 0
    return ("bind", namespace, os.fspath(bind.source), bind.target, recursive, tuple(changes))


def _tmpfs(tmpfs: Tmpfs) -> Step:
    words = dict(_split(option) for option in tmpfs.options)
    attributes = {name for name in _TMPFS if name.removeprefix("no") not in words}
    options = []
    for key, value in words.items():
        if key in mounts.ATTRIBUTES:
            attributes.add(key)
        elif (value is not None and key in _OPTIONS) or key == "sync":
            options.append((key, value))
        elif key not in _WITHOUT_EFFECT:
            raise UsageError(f"{key!r} is no option of the tmpfs at {tmpfs.target}", "see tmpfs(5)")
    return ("tmpfs", tmpfs.target, mounts.flags(attributes), tuple(options))


def _split(option: str) -> tuple[str, str | None]:
    key, separator, value = option.partition("=")
    return key, value if separator else None


def _plain(mode: int) -> int:
    return stat.S_IFMT(mode) | stat.S_IMODE(mode)
