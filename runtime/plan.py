# ruff: noqa: PTH100 - plain strings and descriptors, as in system calls
"""From a specification to the steps the new process carries out, decided in full before the clone."""

import marshal
import os
import signal
from collections.abc import Iterator
from dataclasses import replace
from functools import reduce
from pathlib import Path

from runtime import capabilities, mounts, seccomp_cache
from runtime.child import Step
from runtime.rootless import userns
from runtime.spec import DEFAULT_PATH, ContainerSpec, Namespace

_TTY = 5
"""The group of terminals, as in mounts.PTS."""


def clone_flags(spec: ContainerSpec) -> int:
    """CLONE_NEW* flags for the clone; the cgroup namespace comes later, once the groups are joined."""
    return reduce(lambda flags, kind: flags | kind.flag, spec.namespaces - {Namespace.CGROUP}, 0)


def all_flags(spec: ContainerSpec) -> int:
    """CLONE_NEW* flags of every namespace of the container, for joining it."""
    return reduce(lambda flags, kind: flags | kind.flag, spec.namespaces, 0)


def start(spec: ContainerSpec, *, unified: bool, cache: Path) -> bytes:
    """Marshalled steps that build the container and execute its command.

    Args:
        spec: the container.
        unified: whether the host's control groups are version 2, so that /sys/fs/cgroup can be shown inside.
        cache: directory for the compiled filter.

    Raises:
        EngineError: the filter can't be compiled.
    """
    has_user = Namespace.USER in spec.namespaces
    is_confined = not userns.is_initial()
    has_net = Namespace.NET in spec.namespaces
    steps: list[Step] = [("locate", [os.path.abspath(layer) for layer in (*spec.layers, spec.rootfs)])]
    if has_user:
        steps.append(("await_go",))
    if spec.writable:
        steps.append(("enter_scratch", os.path.abspath(spec.writable)))
    elif spec.on_disk and not spec.in_place:
        steps.append(("enter_scratch",) if has_user else ("disk_scratch",))
    if has_user:
        steps.append(("credentials", 0, 0, None))
    if Namespace.CGROUP in spec.namespaces:
        steps.append(("unshare", Namespace.CGROUP.flag))
    steps += [("session",), ("stdio",)]
    if Namespace.UTS in spec.namespaces:
        steps.append(("hostname", spec.hostname))
    if has_net:
        steps.append(("loopback",))
    if not spec.on_disk:
        steps.append(("memory_scratch",))
    steps.append(("in_place",) if spec.in_place else ("overlay", has_user or is_confined))
    read_only = mounts.ATTRIBUTES["ro"]
    filesystems = kernel_mounts(spec, unified=unified)
    steps += [_mount(mount) for mount in filesystems[:2]]
    steps.append(("device_binds" if has_user or is_confined else "device_nodes",))
    if is_confined:
        steps += _confined(spec, filesystems[2:])
    else:
        steps += [_mount(mount) for mount in filesystems[2:]]
    steps += [
        ("bind", str(bind.source), bind.target, read_only if bind.read_only else 0) for bind in spec.binds
    ]
    steps += [("mask", mounts.MASKED), ("read_only", mounts.READ_ONLY)]
    if spec.interface:
        steps.append(("await_go",))
    steps += [("pivot",), ("working_directory", spec.cwd)]
    if spec.read_only:
        steps.append(("read_only_root",))
    steps += [*_privileges(spec, cache), ("announce",), _command(spec)]
    return marshal.dumps(steps)


def execute(spec: ContainerSpec, *, cache: Path) -> bytes:
    """Marshalled steps for another command inside a running container, with the same privileges.

    Raises:
        EngineError: the filter can't be compiled.
    """
    return marshal.dumps(
        [("session",), ("stdio",), ("working_directory", spec.cwd), *_privileges(spec, cache), _command(spec)]
    )


def kernel_mounts(spec: ContainerSpec, *, unified: bool) -> tuple[mounts.Mount, ...]:
    """The kernel filesystems the container gets, /proc and /dev first."""
    kept = tuple(
        mount for mount in mounts.KERNEL if mount is not mounts.MQUEUE or Namespace.IPC in spec.namespaces
    )
    if unified and Namespace.CGROUP in spec.namespaces:
        return (*kept, mounts.CGROUP2)
    return kept


def _mount(mount: mounts.Mount) -> Step:
    attributes = reduce(lambda flags, name: flags | mounts.ATTRIBUTES[name], mount.attributes, 0)
    options = tuple(
        (key, value if separator else None)
        for key, separator, value in (option.partition("=") for option in mount.options)
    )
    return ("mount", mount.target, mount.filesystem, attributes, options)


def _confined(spec: ContainerSpec, filesystems: tuple[mounts.Mount, ...]) -> Iterator[Step]:
    """Mounts as a user namespace allows them that this process is in already."""
    for mount in filesystems:
        if mount is mounts.SYSFS and Namespace.NET not in spec.namespaces:
            # Nobody but the owner of the network namespace may mount it anew.
            yield ("bind", mount.target, mount.target, mounts.ATTRIBUTES["ro"])
        elif mount is mounts.PTS and not spec.mappings and not userns.maps_group(_TTY):
            yield _mount(replace(mount, options=tuple(o for o in mount.options if o != f"gid={_TTY}")))
        else:
            yield _mount(mount)


def _privileges(spec: ContainerSpec, cache: Path) -> list[Step]:
    steps: list[Step] = []
    if spec.rlimits:
        steps.append(("rlimits", tuple((limit.resource, limit.soft, limit.hard) for limit in spec.rlimits)))
    filtered: list[Step] = []
    if spec.seccomp:
        filtered.append(("seccomp", seccomp_cache.program(spec.capabilities, cache)))
    if spec.no_new_privileges:
        steps.append(("no_new_privileges",))
    else:
        # Without no_new_privs only CAP_SYS_ADMIN may install a filter, so it comes before that is dropped.
        steps += filtered
    steps.append(("bounding_set", capabilities.dropped(spec.capabilities)))
    groups = spec.groups if spec.groups or spec.mappings or userns.may_set_groups() else None
    steps.append(("credentials", spec.uid, spec.gid, groups))
    if spec.uid == 0:
        steps.append(("capabilities", *capabilities.capset_arguments(spec.capabilities)))
    steps.append(("die_with_parent", int(signal.SIGKILL)))
    if spec.no_new_privileges:
        steps += filtered
    return steps


def _command(spec: ContainerSpec) -> Step:
    return ("execute", spec.argv, dict(spec.env), spec.env.get("PATH", DEFAULT_PATH))
