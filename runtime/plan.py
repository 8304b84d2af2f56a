# ruff: noqa: PTH100 - plain strings and descriptors, as in system calls
"""From a specification to the steps the new process carries out, decided in full before the clone."""

import marshal
import os
from collections.abc import Iterator
from dataclasses import replace
from functools import reduce
from pathlib import Path

from runtime import capabilities, mounts, plan_mounts, seccomp_cache, seccomp_given, sysctls
from runtime.child import Step
from runtime.light import signal
from runtime.rootless import userns
from runtime.spec import DEFAULT_PATH, Bind, ContainerSpec, Namespace

_TTY = 5
"""The group of terminals, as in mounts.PTS."""


def clone_flags(spec: ContainerSpec) -> int:
    """CLONE_NEW* flags for the clone; the cgroup namespace comes later, once the groups are joined."""
    return reduce(lambda flags, kind: flags | kind.flag, spec.namespaces - {Namespace.CGROUP}, 0)


def all_flags(spec: ContainerSpec) -> int:
    """CLONE_NEW* flags of every namespace of the container, its own or another's, for joining it."""
    kinds = spec.namespaces | {kind for kind, _ in spec.joined}
    return reduce(lambda flags, kind: flags | kind.flag, kinds, 0)


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
        steps += [("hold", [os.fspath(bind.source) for bind in spec.binds]), ("await_go",)]
    if spec.writable:
        steps.append(("enter_scratch", os.path.abspath(spec.writable)))
    elif spec.on_disk and not spec.in_place:
        steps.append(("enter_scratch",) if has_user else ("disk_scratch",))
    if has_user:
        steps.append(("credentials", 0, 0, None))
    if Namespace.CGROUP in spec.namespaces:
        steps.append(("unshare", Namespace.CGROUP.flag))
    steps += [("session",), ("stdio",)]
    steps += [("join", path, kind.flag) for kind, path in spec.joined if kind is not Namespace.PID]
    if Namespace.UTS in spec.namespaces:
        steps.append(("hostname", spec.hostname))
    if has_net:
        steps.append(("loopback",))
    if not spec.on_disk:
        steps.append(("memory_scratch",))
    steps.append(_in_place(spec) if spec.in_place else ("overlay", has_user or is_confined))
    filesystems = kernel_mounts(spec, unified=unified)
    steps += [_mount(mount) for mount in filesystems[:2]]
    steps.append(("device_binds" if has_user or is_confined else "device_nodes",))
    if is_confined:
        steps += _confined(spec, filesystems[2:])
    else:
        steps += [_mount(mount) for mount in filesystems[2:]]
    steps += _control_groups(spec, unified=unified)
    steps += plan_mounts.devices(spec, as_binds=has_user or is_confined)
    steps += plan_mounts.given(spec)
    steps += _settled(spec)
    steps += [("pivot",), ("working_directory", spec.cwd)]
    if spec.read_only:
        steps.append(("read_only_root",))
    steps += [*_privileges(spec, cache), ("announce",), _command(spec)]
    return marshal.dumps(steps)


def _in_place(spec: ContainerSpec) -> Step:
    # A user namespace of its own has no way back to the host's mounts.
    return ("in_place", "" if Namespace.USER in spec.namespaces else os.path.abspath(spec.rootfs))


def _control_groups(spec: ContainerSpec, *, unified: bool) -> Iterator[Step]:
    """What is to be seen of control groups, unless a mount shows them that is of `kernel_mounts`."""
    if not unified:
        names = mounts.CGROUP1.attributes
        yield (
            "control_groups",
            mounts.CGROUP,
            mounts.flags({*names} - ({"ro"} if spec.privileged else set())),
        )
    elif Namespace.CGROUP not in spec.namespaces:
        own = Bind(Path(mounts.CGROUP), mounts.CGROUP, read_only=not spec.privileged)
        yield from plan_mounts.given(replace(spec, binds=(own,), tmpfs=()))


def _settled(spec: ContainerSpec) -> Iterator[Step]:
    """The last steps while the host's files can still be reached."""
    if spec.masked and not spec.privileged:
        yield ("mask", mounts.MASKED)
        yield ("read_only", mounts.READ_ONLY)
    if spec.interface:
        yield ("await_go",)
    for name, value in sysctls.checked(spec).items():
        yield ("sysctl", name, value)


def execute(spec: ContainerSpec, *, cache: Path) -> bytes:
    """Marshalled steps for another command inside a running container, with the same privileges.

    Raises:
        EngineError: the filter can't be compiled.
    """
    steps: list[Step] = [("session",), ("stdio",), ("change_directory", spec.cwd)]
    return marshal.dumps([*steps, *_privileges(spec, cache), _command(spec)])


def kernel_mounts(spec: ContainerSpec, *, unified: bool) -> tuple[mounts.Mount, ...]:
    """The kernel filesystems the container gets, /proc and /dev first."""
    has_ipc = Namespace.IPC in {*spec.namespaces, *(kind for kind, _ in spec.joined)}
    kept = [mount for mount in mounts.KERNEL if mount is not mounts.MQUEUE or has_ipc]
    if unified and Namespace.CGROUP in spec.namespaces:
        kept.append(mounts.CGROUP2)
    if spec.shm_size is not None:
        options = ("mode=1777", f"size={spec.shm_size}")
        kept[kept.index(mounts.SHM)] = replace(mounts.SHM, options=options)
    if spec.privileged:
        return tuple(
            replace(mount, attributes=tuple(name for name in mount.attributes if name != "ro"))
            for mount in kept
        )
    return tuple(kept)


def _mount(mount: mounts.Mount) -> Step:
    options = tuple(
        (key, value if separator else None)
        for key, separator, value in (option.partition("=") for option in mount.options)
    )
    return ("mount", mount.target, mount.filesystem, mounts.flags(mount.attributes), options)


def _confined(spec: ContainerSpec, filesystems: tuple[mounts.Mount, ...]) -> Iterator[Step]:
    """Mounts as a user namespace allows them that this process is in already."""
    for mount in filesystems:
        if mount.filesystem == mounts.SYSFS.filesystem and Namespace.NET not in spec.namespaces:
            # Nobody but the owner of the network namespace may mount it anew.
            own = Bind(Path(mount.target), mount.target, read_only=True)
            yield from plan_mounts.given(replace(spec, binds=(own,), tmpfs=()))
        elif mount.filesystem == mounts.PTS.filesystem and not spec.mappings and not userns.maps_group(_TTY):
            yield _mount(replace(mount, options=tuple(o for o in mount.options if o != f"gid={_TTY}")))
        else:
            yield _mount(mount)


def _privileges(spec: ContainerSpec, cache: Path) -> list[Step]:
    steps: list[Step] = []
    if spec.oom_score_adj is not None:
        steps.append(("oom_score_adj", spec.oom_score_adj))
    if spec.rlimits:
        steps.append(("rlimits", tuple((limit.resource, limit.soft, limit.hard) for limit in spec.rlimits)))
    filtered: list[Step] = []
    if spec.seccomp_profile:
        filtered.append(("seccomp", *seccomp_given.program(spec.seccomp_profile, spec.capabilities, cache)))
    elif spec.seccomp:
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
