"""From the configuration's mounts to steps; see config.md, Mounts."""

from __future__ import annotations

import os

from runtime import syscalls
from runtime.oci import mount_options
from runtime.oci.errors import ConfigError

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping
    from typing import Any

    from runtime.cgroups.manager import Manager
    from runtime.oci.plan import Namespaces
    from runtime.steps.base import Step

_RDONLY = syscalls.MOUNT_ATTR_RDONLY


class Planner:
    """Plans mounts one by one.

    Attributes:
        shows_host_devices: whether /dev is the host's, so that nothing is to be made in it.
        protected: mounts to be made read-only once they are filled.

    Args:
        opened: takes the descriptors the new process inherits, for whoever clones it to close then.
    """

    def __init__(
        self,
        linux: Mapping[str, Any],
        bundle: str,
        namespaces: Namespaces,
        groups: Manager,
        opened: list[int],
    ) -> None:
        self._opened = opened
        self._linux = linux
        self._bundle = bundle
        self._groups = groups
        self._has_cgroup_namespace = "cgroup" in namespaces.own
        self._maps_users = bool(namespaces.made & syscalls.CLONE_NEWUSER)
        self._is_shared = "shared" in (linux.get("rootfsPropagation") or "")
        self.shows_host_devices = False
        self.protected: list[str] = []

    def steps(self, entry: Mapping[str, Any]) -> list[Step]:
        """The steps of one mount.

        Raises:
            ConfigError: a source is missing, or a label can't be had.
        """
        # POSIX keeps two slashes at the beginning, so no more than one may come about.
        target = os.path.normpath(f"/{entry['destination'].lstrip('/')}")
        parsed = mount_options.parse(entry.get("options") or [])
        kind = entry.get("type") or "none"
        if parsed["remount"]:
            return [("remount", target, parsed["set"], parsed["clear"])]
        if parsed["bind"] or kind in {"bind", "rbind"}:
            return [self._bind(entry, target, parsed, is_recursive=parsed["recursive"] or kind == "rbind")]
        if kind in {"cgroup", "cgroup2"}:
            from runtime.oci import cgroup_mount

            return cgroup_mount.steps(self._groups, target, parsed, has_namespace=self._has_cgroup_namespace)
        return [self._filesystem(entry, target, kind, parsed)]

    def _filesystem(
        self, entry: Mapping[str, Any], target: str, kind: str, parsed: Mapping[str, Any]
    ) -> Step:
        options = [option for option in parsed["superblock"] if option != ("ro", None)]
        if source := entry.get("source"):
            options.insert(0, ("source", source))
        if label := self._linux.get("mountLabel"):
            options.append(("context", _labelled(label)))
        attributes = parsed["set"] | parsed["rec_set"]
        if target == "/dev" and attributes & _RDONLY:
            attributes &= ~_RDONLY
            self.protected.append(target)
        if parsed["tmpcopyup"]:
            # The new process can't import any more.
            __import__("runtime.oci.copy_up")
        return ("attach", target, kind, options, attributes, parsed["propagation"], parsed["tmpcopyup"])

    def _bind(
        self, entry: Mapping[str, Any], target: str, parsed: Mapping[str, Any], *, is_recursive: bool
    ) -> Step:
        if target == "/dev":
            self.shows_host_devices = True
        source = os.path.join(self._bundle, entry.get("source") or "")
        users = self._user_namespace(entry, parsed)
        propagation = parsed["propagation"]
        tree: str | int = source
        if self._is_shared or users >= 0 or (self._maps_users and os.geteuid() == 0):
            tree = _open(source, target, is_recursive=is_recursive)
            self._opened.append(tree)
            if not self._is_shared:
                propagation = [(syscalls.MS_SLAVE, True), *propagation]
        here = (parsed["set"], parsed["clear"])
        everywhere = (parsed["rec_set"], parsed["rec_clear"])
        return ("bind_tree", tree, target, is_recursive, here, everywhere, propagation, users)

    def _user_namespace(self, entry: Mapping[str, Any], parsed: Mapping[str, Any]) -> int:
        mapped = entry.get("uidMappings") or entry.get("gidMappings")
        if not parsed["idmap"] and not mapped:
            return -1
        from runtime.oci import idmap

        uids = entry.get("uidMappings") or self._linux.get("uidMappings")
        gids = entry.get("gidMappings") or self._linux.get("gidMappings")
        if not uids or not gids:
            raise ConfigError(f"mounts: {entry['destination']} asks for an id mapping and there is none")
        descriptor = idmap.user_namespace(uids, gids)
        self._opened.append(descriptor)
        return descriptor


def _open(source: str, target: str, *, is_recursive: bool) -> int:
    flags = syscalls.OPEN_TREE_CLONE | (syscalls.AT_RECURSIVE if is_recursive else 0)
    try:
        return syscalls.open_tree(syscalls.AT_FDCWD, source, flags)
    except OSError as error:
        raise ConfigError(f"mounts: {target}: {source}: {error.strerror}") from error


def _labelled(label: str) -> str:
    if not os.path.isdir("/sys/fs/selinux"):
        raise ConfigError("linux.mountLabel: this host has no SELinux", "leave the label out")
    return label
