"""From a configuration to the steps of the new process, decided in full before the clone."""

from __future__ import annotations

import os
import stat

from runtime import devices, syscalls
from runtime.oci import config_linux, mounts, process
from runtime.oci.errors import ConfigError

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from typing import Any

    from runtime.cgroups.manager import Manager
    from runtime.steps.base import Step

FLAGS = {
    "user": syscalls.CLONE_NEWUSER,
    "cgroup": syscalls.CLONE_NEWCGROUP,
    "ipc": syscalls.CLONE_NEWIPC,
    "uts": syscalls.CLONE_NEWUTS,
    "network": syscalls.CLONE_NEWNET,
    "pid": syscalls.CLONE_NEWPID,
    "mount": syscalls.CLONE_NEWNS,
    "time": syscalls.CLONE_NEWTIME,
}
"""Namespace types of the specification and their clone flags, in the order they are joined in."""
_NODE_TYPES = {"c": stat.S_IFCHR, "u": stat.S_IFCHR, "b": stat.S_IFBLK, "p": stat.S_IFIFO}
_ROOT_PROPAGATION = {
    "shared": syscalls.MS_SHARED,
    "slave": syscalls.MS_SLAVE,
    "private": syscalls.MS_PRIVATE,
    "unbindable": syscalls.MS_UNBINDABLE,
}


class Namespaces:
    """Which namespaces a container gets.

    Attributes:
        made: CLONE_NEW* flags of those that are made.
        late: those of them that come after the clone: a cgroup namespace once the groups are joined, an IPC
            namespace once the process is the user whose mqueue filesystem it is to be.
        joined: (flag, path) of those it joins.
        own: types it has of its own, made or joined.
    """

    __slots__ = ("joined", "late", "made", "own")

    def __init__(self, linux: Mapping[str, Any]) -> None:
        self.made = 0
        self.joined: list[tuple[int, str]] = []
        self.own = {entry["type"]: entry.get("path") or "" for entry in linux.get("namespaces") or ()}
        for kind, flag in FLAGS.items():
            if path := self.own.get(kind):
                self.joined.append((flag, path))
            elif kind in self.own:
                self.made |= flag
        self.late = self.made & syscalls.CLONE_NEWCGROUP
        if self.made & syscalls.CLONE_NEWUSER:
            self.late |= self.made & syscalls.CLONE_NEWIPC


def joined_flags(pid: int, namespaces: Namespaces) -> int:
    """CLONE_NEW* flags for a setns(2) into a container, of those in which it isn't where this process is.

    A user namespace that one is in already can't be joined again.
    """
    flags = namespaces.made | sum(flag for flag, _ in namespaces.joined)
    if flags & syscalls.CLONE_NEWUSER and _is_same(pid, "user"):
        flags &= ~syscalls.CLONE_NEWUSER
    return flags


def _is_same(pid: int, kind: str) -> bool:
    ours, its = os.stat(f"/proc/self/ns/{kind}"), os.stat(f"/proc/{pid}/ns/{kind}")
    return (ours.st_dev, ours.st_ino) == (its.st_dev, its.st_ino)


class Request:
    """What the caller asks for beside the configuration.

    Attributes:
        name: the container's id.
        bundle: absolute path of the bundle.
        fifo: descriptor of the exec fifo, or -1 when the command is to run at once.
        opened: descriptors the new process inherits, to be closed once it is cloned.
        preserved: how many descriptors from 3 on the command gets.
        no_pivot: whether the root is entered without pivot_root(2).
        keyring: name of the session keyring it gets, or an empty string for the caller's.
        cache: directory for compiled filters.
        warn: takes what could not be had and is no error.
    """

    __slots__ = ("bundle", "cache", "fifo", "keyring", "name", "no_pivot", "opened", "preserved", "warn")

    def __init__(self, name: str, bundle: str, cache: str, warn: Callable[[str], None]) -> None:
        self.name = name
        self.bundle = bundle
        self.cache = cache
        self.warn = warn
        self.opened: list[int] = []
        self.fifo = -1
        self.preserved = 0
        self.no_pivot = False
        self.keyring = ""


def root_of(config: Mapping[str, Any], bundle: str) -> str:
    """Absolute path of the root directory.

    Raises:
        ConfigError: there is none.
    """
    path = os.path.realpath(os.path.join(bundle, config["root"]["path"]))
    if not os.path.isdir(path):
        raise ConfigError(f"root.path: {path} is no directory", "unpack the image there")
    return path


def build(config: Mapping[str, Any], request: Request, namespaces: Namespaces, groups: Manager) -> list[Step]:
    """The steps of a container's first process.

    Raises:
        TareError: something of the configuration can't be had on this host.
    """
    linux = config.get("linux") or {}
    described = config.get("process") or {}
    steps: list[Step] = [("open_groups", groups.join), ("join_groups",)] if groups.join else []
    if namespaces.made & syscalls.CLONE_NEWUSER:
        # The parent adjusts the score too, as nobody in a user namespace may lower it.
        steps.append(("await_go",))
    else:
        steps += process.oom_score(described)
    if "user" in namespaces.own:
        steps.append(("credentials", 0, 0, None))
    if namespaces.late:
        steps.append(("unshare", namespaces.late))
    steps.append(("session",))
    steps += _names(config, namespaces)
    steps += [
        ("write", f"/proc/sys/{config_linux.sysctl_path(key)}", value)
        for key, value in (linux.get("sysctl") or {}).items()
    ]
    steps += process.labels(described)
    if request.keyring:
        steps.append(("keyring", request.keyring))
    if domain := linux.get("personality"):
        steps.append(("personality", process.PERSONALITIES[domain["domain"]]))
    steps.append(("hide",))
    steps += _filesystem(config, request, namespaces, groups)
    return steps + _process(config, request, namespaces)


def _names(config: Mapping[str, Any], namespaces: Namespaces) -> list[Step]:
    steps: list[Step] = []
    if hostname := config.get("hostname"):
        steps.append(("hostname", hostname))
    if domainname := config.get("domainname"):
        steps.append(("write", "/proc/sys/kernel/domainname", domainname))
    if namespaces.made & syscalls.CLONE_NEWNET:
        steps.append(("loopback",))
    return steps


def _filesystem(
    config: Mapping[str, Any], request: Request, namespaces: Namespaces, groups: Manager
) -> list[Step]:
    if not namespaces.made & syscalls.CLONE_NEWNS:
        return _sync(config)
    linux = config.get("linux") or {}
    kept, recursive = _propagation(linux)
    everything = syscalls.MS_PRIVATE if kept == syscalls.MS_PRIVATE else syscalls.MS_SLAVE
    steps: list[Step] = [("root_propagation", everything), ("root", root_of(config, request.bundle))]
    planner = mounts.Planner(linux, request.bundle, namespaces, groups, request.opened)
    listed = config.get("mounts") or ()
    for entry in listed:
        steps += planner.steps(entry)
    if not planner.shows_host_devices:
        steps += _devices(linux, namespaces)
    terminal = config.get("process") or {}
    if terminal.get("terminal"):
        steps.append(("new_terminal", process.console_size(terminal)))
    steps += _sync(config)
    steps += [("protect", target) for target in planner.protected]
    if masked := linux.get("maskedPaths"):
        steps.append(("mask", masked))
    if read_only := linux.get("readonlyPaths"):
        steps.append(("read_only", read_only))
    if cwd := terminal.get("cwd"):
        steps.append(("make_directory", cwd))
    steps.append(("no_pivot",) if request.no_pivot else ("pivot",))
    if kept:
        steps.append(("root_after", kept, recursive))
    if config["root"].get("readonly"):
        steps.append(("read_only_root",))
    return steps


def _propagation(linux: Mapping[str, Any]) -> tuple[int, bool]:
    name = linux.get("rootfsPropagation") or ""
    if not name:
        return 0, False
    recursive = name not in _ROOT_PROPAGATION
    return _ROOT_PROPAGATION[name[1:] if recursive else name], recursive


def _devices(linux: Mapping[str, Any], namespaces: Namespaces) -> list[Step]:
    listed = {
        f"/dev/{name}": (stat.S_IFCHR, (major, minor), 0o666, 0, 0) for name, major, minor in devices.NODES
    }
    for device in linux.get("devices") or ():
        number = (device.get("major", 0), device.get("minor", 0))
        mode = device.get("fileMode")
        listed[device["path"]] = (
            _NODE_TYPES[device["type"]],
            number,
            0o666 if mode is None else mode & 0o7777,
            device.get("uid") or 0,
            device.get("gid") or 0,
        )
    links: Step = ("links", "/dev", devices.LINKS)
    if "user" in namespaces.own:
        return [("node_binds", list(listed)), links]
    nodes = [
        (path, kind, os.makedev(*number), mode, uid, gid)
        for path, (kind, number, mode, uid, gid) in listed.items()
    ]
    return [("nodes", nodes), links]


def _sync(config: Mapping[str, Any]) -> list[Step]:
    hooks = config.get("hooks") or {}
    steps: list[Step] = []
    inside = hooks.get("createContainer")
    if (
        inside
        or hooks.get("prestart")
        or hooks.get("createRuntime")
        or hooks.get("startContainer")
        or (config.get("linux") or {}).get("netDevices")
    ):
        steps.append(("sync", "prepared"))
    if inside or hooks.get("startContainer"):
        # The new process can't import any more.
        __import__("runtime.oci.hooks")
    if inside:
        steps.append(("hooks", inside, "createContainer", "creating"))
    return steps


def _process(config: Mapping[str, Any], request: Request, namespaces: Namespaces) -> list[Step]:
    linux = config.get("linux") or {}
    described = config.get("process") or {}
    # Who creates the container may be killed: nothing runs, or waits to be started, that is not on record.
    waits: list[Step] = [("report", "ready"), ("await_go",)]
    if request.fifo >= 0:
        waits.append(("await_start", request.fifo))
    if at_start := (config.get("hooks") or {}).get("startContainer"):
        waits.append(("hooks", at_start, "startContainer", "created"))
    before: list[Step] = []
    if policy := linux.get("memoryPolicy"):
        before.append(process.memory_policy(policy))
    return before + process.steps(
        described,
        filtering=linux.get("seccomp"),
        cache=request.cache,
        warn=request.warn,
        preserved=request.preserved,
        maps_users="user" in namespaces.own,
        waits=waits,
    )
