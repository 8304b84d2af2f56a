"""Steps that mount what a configuration lists; see config.md, Mounts."""

from __future__ import annotations

import errno
import os
import stat

from runtime import syscalls
from runtime.steps.filesystem import Filesystem

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Sequence
    from typing import NoReturn

_PROC_ROOT_INODE = 1
_SHOWN_IN_PROC = frozenset(
    f"/proc/{name}"
    for name in ("cpuinfo", "diskstats", "meminfo", "stat", "swaps", "uptime", "loadavg", "slabinfo")
) | {"/proc/sys/kernel/ns_last_pid", "/proc/net/dev"}
"""What may be mounted over inside /proc, as lxcfs does."""


class Mounting(Filesystem):
    """Mounts filesystems and host paths at places resolved inside the root."""

    def root_propagation(self, flags: int) -> None:
        """Set the propagation of every mount of the host's tree in this namespace."""
        syscalls.mount_setattr(syscalls.AT_FDCWD, "/", propagation=flags, recursive=True)

    def root(self, path: str) -> None:
        """Make the bundle's root directory a mount of its own."""
        self._detail = path
        self._root = self._clone(path, recursive=True)
        syscalls.move_mount(self._root, syscalls.AT_FDCWD, path)

    def attach(
        self,
        target: str,
        filesystem: str,
        options: Sequence[tuple[str, str | None]],
        attributes: int,
        propagation: Sequence[tuple[int, bool]],
        copy_up: bool,
    ) -> None:
        """Mount a filesystem; those that show the kernel's state aren't mounted through symbolic links."""
        self._detail = target
        if os.path.normpath(target) == "/proc" and filesystem != "proc":
            self._refuse(f"{target}: only a proc filesystem may be mounted there")
        is_covering = filesystem == "tmpfs" and self._covers(target)
        place = self._place_for(target, strict=filesystem in {"proc", "sysfs"}, directory=True)
        if is_covering:
            # What it covers had a mode; one that is asked for comes later and wins.
            options = [("mode", f"{stat.S_IMODE(os.fstat(place).st_mode):o}"), *options]
        context = self._filesystem(target, filesystem)
        for key, value in options:
            if value is None:
                syscalls.fsconfig_flag(context, key)
            else:
                syscalls.fsconfig_string(context, key, value)
        try:
            syscalls.fsconfig_create(context)
        except PermissionError:
            os.close(context)
            if filesystem != "sysfs":
                raise
            # The kernel mounts a sysfs only for the owner of the network namespace; the host's will do.
            self.bind_tree("/sys", target, True, (0, 0), (attributes, 0), propagation, -1)
            return
        mounted = syscalls.fsmount(context, attributes)
        os.close(context)
        if copy_up and is_covering:
            from runtime.oci import copy_up as copying

            copying.copy(place, mounted)
        self._put(mounted, place, propagation)
        if target.rstrip("/") == "/dev":
            self._dev = mounted
        else:
            os.close(mounted)

    def _covers(self, target: str) -> bool:
        place = self._existing(target)
        if place >= 0:
            os.close(place)
        return place >= 0

    def _filesystem(self, target: str, filesystem: str) -> int:
        try:
            return syscalls.fsopen(filesystem)
        except OSError as error:
            self._detail = f"{filesystem} at {target}"
            raise error from None

    def bind_tree(
        self,
        source: str | int,
        target: str,
        recursive: bool,
        here: tuple[int, int],
        everywhere: tuple[int, int],
        propagation: Sequence[tuple[int, bool]],
        user_namespace: int,
    ) -> None:
        """Mount a path of the host, or a tree the parent has opened.

        Args:
            source: path, or descriptor of a detached tree.
            target: path inside the root.
            recursive: whether mounts below the source come along.
            here: MOUNT_ATTR_* flags to set and to clear on the mount itself.
            everywhere: flags to set and to clear on it and all below.
            propagation: (flag, recursive) in order.
            user_namespace: descriptor whose id mapping the mount gets, or -1.
        """
        tree = source if isinstance(source, int) else self._clone(source, recursive=recursive)
        if any(everywhere):
            syscalls.mount_setattr(tree, "", attributes=everywhere[0], clear=everywhere[1], recursive=True)
        if any(here):
            syscalls.mount_setattr(tree, "", attributes=here[0], clear=here[1])
        if user_namespace >= 0:
            syscalls.mount_setattr(tree, "", user_namespace=user_namespace, recursive=recursive)
        self._detail = target
        if os.path.normpath(target) == "/proc" and not is_proc_root(tree):
            self._refuse(f"{target}: only a proc filesystem may be mounted there")
        is_directory = stat.S_ISDIR(os.fstat(tree).st_mode)
        place = self._place_for(target, strict=False, directory=is_directory)
        if stat.S_ISDIR(os.fstat(place).st_mode) != is_directory:
            raise OSError(errno.ENOTDIR, os.strerror(errno.ENOTDIR))
        self._put(tree, place, propagation)
        os.close(tree)

    def _clone(self, source: str, *, recursive: bool) -> int:
        self._detail = source
        flags = syscalls.OPEN_TREE_CLONE | (syscalls.AT_RECURSIVE if recursive else 0)
        return syscalls.open_tree(syscalls.AT_FDCWD, source, flags)

    def _put(self, mounted: int, place: int, propagation: Sequence[tuple[int, bool]]) -> None:
        syscalls.move_mount(mounted, place)
        os.close(place)
        for flag, recursive in propagation:
            syscalls.mount_setattr(mounted, "", propagation=flag, recursive=recursive)

    def remount(self, target: str, attributes: int, clear: int) -> None:
        """Change the flags of what is mounted at a place."""
        self._detail = target
        place = self._place_for(target, strict=False, directory=True)
        syscalls.mount_setattr(place, "", attributes=attributes, clear=clear)
        os.close(place)

    def protect(self, target: str) -> None:
        """Make a mount read-only once it is filled."""
        self.remount(target, syscalls.MOUNT_ATTR_RDONLY, 0)

    def _place_for(self, target: str, *, strict: bool, directory: bool) -> int:
        if not target.strip("/"):
            self._refuse("/: the root itself is no place for a mount")
        place = self._kernel_target(target) if strict else self._bind_target(target, directory)
        if syscalls.filesystem_type(place) == syscalls.PROC_SUPER_MAGIC:
            path = os.path.normpath(target)
            if path not in _SHOWN_IN_PROC and not (path == "/proc" and is_proc_root(place)):
                self._refuse(f"{target}: inside /proc only the files lxcfs shows may be mounted over")
        return place

    def _refuse(self, detail: str) -> NoReturn:
        self._detail = detail
        raise OSError(errno.EPERM, os.strerror(errno.EPERM))

    def nodes(self, listed: Sequence[tuple[str, int, int, int, int, int]]) -> None:
        """Make device nodes: (path, file type, device number, mode, uid, gid)."""
        for path, kind, number, mode, uid, gid in listed:
            self._detail = path
            parent, name = self._parent_of(path)
            try:
                os.mknod(name, kind | mode, number, dir_fd=parent)
            except FileExistsError:
                self._same_node(parent, name, kind, number)
            if uid or gid:
                os.chown(name, uid, gid, dir_fd=parent, follow_symlinks=False)
            if parent != self._dev:
                os.close(parent)

    def _same_node(self, parent: int, name: str, kind: int, number: int) -> None:
        found = os.stat(name, dir_fd=parent, follow_symlinks=False)
        if stat.S_IFMT(found.st_mode) != kind or (kind != stat.S_IFIFO and found.st_rdev != number):
            raise OSError(errno.EEXIST, "another file is there")

    def node_binds(self, listed: Sequence[str]) -> None:
        """Show nodes of the host, for where a user namespace forbids making them."""
        for path in listed:
            self.bind_tree(path, path, False, (0, 0), (0, 0), (), -1)

    def links(self, directory: str, listed: Sequence[tuple[str, str]]) -> None:
        """Make symbolic links (name in the directory, what it points to); those that are there are kept."""
        parent = self._bind_target(directory, directory=True)
        for name, points_to in listed:
            self._detail = f"{directory}/{name}"
            try:
                os.symlink(points_to, name, dir_fd=parent)
            except FileExistsError:
                continue
        os.close(parent)

    def make_directory(self, path: str) -> None:
        """Make the working directory where the image lacks it."""
        self._detail = path
        os.close(self._bind_target(path, directory=True))

    def _parent_of(self, path: str) -> tuple[int, str]:
        directory, _, name = path.rstrip("/").rpartition("/")
        if directory == "/dev" and self._dev >= 0:
            return self._dev, name
        if not directory:
            return os.dup(self._root), name
        return self._bind_target(directory, directory=True), name

    def no_pivot(self) -> None:
        """Make the root the root without pivot_root(2), for hosts that run from an initramfs."""
        os.fchdir(self._root)
        syscalls.move_mount(self._root, syscalls.AT_FDCWD, "/")
        os.chroot(".")
        os.chdir("/")

    def root_after(self, flags: int, recursive: bool) -> None:
        """Set the propagation of the root once it is entered."""
        syscalls.mount_setattr(self._root, "", propagation=flags, recursive=recursive)


def is_proc_root(descriptor: int) -> bool:
    """Whether this is the root directory of a proc filesystem."""
    is_proc = syscalls.filesystem_type(descriptor) == syscalls.PROC_SUPER_MAGIC
    return is_proc and os.fstat(descriptor).st_ino == _PROC_ROOT_INODE
