"""Steps that fill a root with mounts and device nodes, and enter it."""

from __future__ import annotations

import errno
import os
import stat

from runtime import devices, light, syscalls
from runtime.steps.base import Base

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Sequence

_IN_ROOT = syscalls.RESOLVE_IN_ROOT | syscalls.RESOLVE_NO_MAGICLINKS
RESOLVE_NO_XDEV = 0x01
"""See openat2(2)."""
_KERNEL_MOUNT = _IN_ROOT | syscalls.RESOLVE_NO_SYMLINKS
_DEVICE_MODE = stat.S_IFCHR | 0o666
_TRIES = 10_000


def open_inside(directory: int, path: str, flags: int, *, resolve: int) -> int:
    """openat2(2), again while anything that was renamed meanwhile leaves it unsure whether it is inside."""
    for _ in range(_TRIES):
        try:
            return syscalls.openat2(directory, path, flags, resolve=resolve)
        except BlockingIOError:
            continue
    return syscalls.openat2(directory, path, flags, resolve=resolve)


class Filesystem(Base):
    """Mounts below the root, by descriptors and never by paths that the image could bend."""

    _root = -1
    _dev = -1
    _empty = -1

    def __init__(self, channel: light.socket.socket, stdio: Sequence[int]) -> None:
        super().__init__(channel, stdio)
        self._sources: dict[str, int] = {}

    def mount(
        self, target: str, filesystem: str, attributes: int, options: Sequence[tuple[str, str | None]]
    ) -> None:
        """Mount a kernel filesystem at `target` below the root; a symbolic link on the way is refused."""
        self._detail = target
        directory = self._kernel_target(target)
        mounted = _made(filesystem, attributes, options)
        syscalls.move_mount(mounted, directory)
        os.close(directory)
        if target == "/dev":
            self._dev = mounted
        else:
            os.close(mounted)

    def control_groups(self, target: str, attributes: int) -> None:
        """Show the container's version 1 groups below `target`; none are no fault."""
        hierarchies, links = self._shown
        if not hierarchies:
            return
        self._detail = target
        directory = self._kernel_target(target)
        top = _made("tmpfs", 0, (("mode", "755"),))
        syscalls.move_mount(top, directory)
        os.close(directory)
        for name, _, path in hierarchies:
            self._detail = path
            group = syscalls.open_tree(syscalls.AT_FDCWD, path, syscalls.OPEN_TREE_CLONE)
            os.mkdir(name, 0o755, dir_fd=top)
            syscalls.move_mount(group, top, name)
            os.close(group)
        for name, joint in links:
            os.symlink(joint, name, dir_fd=top)
        syscalls.mount_setattr(
            top, "", attributes=attributes, propagation=syscalls.MS_PRIVATE, recursive=True
        )
        os.close(top)

    def device_nodes(self) -> None:
        """Fill /dev with fresh nodes, links and mount points."""
        for name, major, minor in devices.NODES:
            os.mknod(name, _DEVICE_MODE, os.makedev(major, minor), dir_fd=self._dev)
        self._device_links()

    def device_binds(self) -> None:
        """Fill /dev with the host's nodes, for where a user namespace forbids making them."""
        for name, _, _ in devices.NODES:
            os.mknod(name, stat.S_IFREG | 0o666, dir_fd=self._dev)
            node = syscalls.open_tree(syscalls.AT_FDCWD, f"/dev/{name}", syscalls.OPEN_TREE_CLONE)
            place = os.open(name, os.O_PATH | os.O_CLOEXEC, dir_fd=self._dev)
            syscalls.move_mount(node, place)
            os.close(node)
            os.close(place)
        self._device_links()

    def _device_links(self) -> None:
        for name, target in devices.LINKS:
            os.symlink(target, name, dir_fd=self._dev)
        for name in devices.DIRECTORIES:
            os.mkdir(name, 0o755, dir_fd=self._dev)

    def bind(
        self,
        namespace: str,
        source: str,
        target: str,
        recursive: int,
        changes: Sequence[tuple[int, int, int]],
    ) -> None:
        """Mount a path of the host at `target`, resolved as if the root were / already.

        Args:
            namespace: path of the mount namespace the source is in; this process's own when empty.
            source: the path.
            target: where.
            recursive: AT_RECURSIVE for what is mounted below to come with it, or 0.
            changes: MOUNT_ATTR_* to set, propagation, and AT_RECURSIVE where that is for all below as well.
        """
        self._detail = source
        tree = self._tree(namespace, source, syscalls.OPEN_TREE_CLONE | recursive)
        for attributes, propagation, below in changes:
            syscalls.mount_setattr(
                tree, "", attributes=attributes, propagation=propagation, recursive=bool(below)
            )
        is_directory = stat.S_ISDIR(os.fstat(tree).st_mode)
        self._detail = f"{source} at {target}"
        place = self._bind_target(target, is_directory)
        if stat.S_ISDIR(os.fstat(place).st_mode) != is_directory:
            raise OSError(errno.EISDIR, "")
        syscalls.move_mount(tree, place)
        os.close(tree)
        os.close(place)

    def hold(self, sources: Sequence[str]) -> None:
        """Take hold of what is to be bound, while this process may still reach it."""
        for source in sources:
            self._detail = source
            self._sources[source] = os.open(source, os.O_PATH | os.O_CLOEXEC)

    def _tree(self, namespace: str, source: str, flags: int) -> int:
        if source in self._sources:
            return syscalls.open_tree(self._sources[source], "", flags | syscalls.AT_EMPTY_PATH)
        if not namespace:
            return syscalls.open_tree(syscalls.AT_FDCWD, source, flags)
        other = os.open(namespace, os.O_RDONLY | os.O_CLOEXEC)
        try:
            return self._tree_of(other, source, flags)
        finally:
            os.close(other)

    def _tree_of(self, namespace: int, source: str, flags: int) -> int:
        """open_tree(2) of a path in the mount namespace of a descriptor."""
        own = os.open("/proc/self/ns/mnt", os.O_RDONLY | os.O_CLOEXEC)
        here = os.open(".", os.O_PATH | os.O_DIRECTORY | os.O_CLOEXEC)
        syscalls.setns(namespace, syscalls.CLONE_NEWNS)
        try:
            return syscalls.open_tree(syscalls.AT_FDCWD, source, flags)
        finally:
            syscalls.setns(own, syscalls.CLONE_NEWNS)
            os.fchdir(here)
            os.close(own)
            os.close(here)

    def tmpfs(self, target: str, attributes: int, options: Sequence[tuple[str, str | None]]) -> None:
        """Mount a filesystem in memory, with the mode of the directory that is there unless it is said."""
        self._detail = target
        place = self._existing(target)
        mode = stat.S_IMODE(os.fstat(place).st_mode) if place >= 0 else 0o1777
        if place < 0:
            place = self._bind_target(target, True)
        mounted = _made("tmpfs", attributes, [("mode", f"{mode:o}"), *options])
        syscalls.move_mount(mounted, place)
        os.close(mounted)
        os.close(place)

    def device(self, target: str, mode: int, number: int, uid: int, gid: int) -> None:
        """Make a device node in place of what is there."""
        self._detail = target
        directory, _, name = target.rpartition("/")
        parent = self._bind_target(directory or "/", True)
        try:  # noqa: SIM105 - contextlib is slow to import
            os.unlink(name, dir_fd=parent)
        except FileNotFoundError:
            pass
        os.mknod(name, mode, number, dir_fd=parent)
        os.chown(name, uid, gid, dir_fd=parent, follow_symlinks=False)
        os.close(parent)

    def mask(self, paths: Sequence[str]) -> None:
        """Hide files behind /dev/null, directories behind an empty one; missing paths are no fault."""
        for path in paths:
            self._detail = path
            place = self._existing(path)
            if place < 0:
                continue
            if stat.S_ISDIR(os.fstat(place).st_mode):
                cover = self._empty_directory()
            elif self._dev >= 0:
                cover = syscalls.open_tree(self._dev, "null", syscalls.OPEN_TREE_CLONE)
            else:
                cover = syscalls.open_tree(syscalls.AT_FDCWD, "/dev/null", syscalls.OPEN_TREE_CLONE)
                # It is the host's own file, whose mode the container must not change.
                syscalls.mount_setattr(cover, "", attributes=syscalls.MOUNT_ATTR_RDONLY)
            syscalls.move_mount(cover, place)
            os.close(cover)
            os.close(place)

    def _empty_directory(self) -> int:
        if self._empty < 0:
            context = syscalls.fsopen("tmpfs")
            syscalls.fsconfig_flag(context, "ro")
            syscalls.fsconfig_create(context)
            self._empty = syscalls.fsmount(context, syscalls.MOUNT_ATTR_RDONLY)
            os.close(context)
            return os.dup(self._empty)
        return syscalls.open_tree(self._empty, "", syscalls.OPEN_TREE_CLONE | syscalls.AT_EMPTY_PATH)

    def read_only(self, paths: Sequence[str]) -> None:
        """Mount paths read-only over themselves; missing paths are no fault."""
        for path in paths:
            self._detail = path
            place = self._existing(path)
            if place < 0:
                continue
            flags = syscalls.OPEN_TREE_CLONE | syscalls.AT_RECURSIVE | syscalls.AT_EMPTY_PATH
            tree = syscalls.open_tree(place, "", flags)
            syscalls.mount_setattr(tree, "", attributes=syscalls.MOUNT_ATTR_RDONLY, recursive=True)
            syscalls.move_mount(tree, place)
            os.close(tree)
            os.close(place)

    def pivot(self) -> None:
        """Make the overlay the root and let go of the host's tree."""
        os.fchdir(self._root)
        syscalls.pivot_root(".", ".")
        syscalls.umount2(".", syscalls.MNT_DETACH)
        os.chdir("/")

    def read_only_root(self) -> None:
        """Forbid writing to the root itself, not to what is mounted below."""
        syscalls.mount_setattr(self._root, "", attributes=syscalls.MOUNT_ATTR_RDONLY)

    def change_directory(self, path: str) -> None:
        """Enter the working directory of a further command."""
        self._detail = path
        os.chdir(path)

    def working_directory(self, path: str) -> None:
        """Enter the working directory, made when the image lacks it."""
        self._detail = path
        try:
            os.chdir(path)
        except FileNotFoundError:
            os.makedirs(path, 0o755)
            os.chdir(path)

    def _kernel_target(self, path: str) -> int:
        flags = os.O_PATH | os.O_DIRECTORY
        try:
            return open_inside(self._root, path, flags, resolve=_KERNEL_MOUNT)
        except FileNotFoundError:
            self._make_parents(path, directory=True)
            return open_inside(self._root, path, flags, resolve=_KERNEL_MOUNT)

    def _bind_target(self, path: str, directory: bool, *, follow: bool = True) -> int:
        limits = _IN_ROOT if follow else _KERNEL_MOUNT
        try:
            return open_inside(self._root, path, os.O_PATH, resolve=limits)
        except FileNotFoundError:
            self._make_parents(path, directory=directory)
            return open_inside(self._root, path, os.O_PATH, resolve=limits)

    def _make_parents(self, path: str, *, directory: bool) -> None:
        *parents, last = [part for part in path.split("/") if part]
        place = os.dup(self._root)
        reached = ""
        for part in [*parents, last] if directory else parents:
            reached = f"{reached}/{part}"
            try:
                following = open_inside(self._root, reached, os.O_PATH | os.O_DIRECTORY, resolve=_IN_ROOT)
            except FileNotFoundError:
                os.mkdir(part, 0o755, dir_fd=place)
                following = open_inside(self._root, reached, os.O_PATH | os.O_DIRECTORY, resolve=_IN_ROOT)
            os.close(place)
            place = following
        if not directory:
            os.mknod(last, stat.S_IFREG | 0o644, dir_fd=place)
        os.close(place)

    def _existing(self, path: str) -> int:
        try:
            return open_inside(self._root, path, os.O_PATH, resolve=_IN_ROOT)
        except (FileNotFoundError, NotADirectoryError, PermissionError):
            return -1


def _made(filesystem: str, attributes: int, options: Sequence[tuple[str, str | None]]) -> int:
    """A descriptor of a new mount that is nowhere yet; see fsopen(2)."""
    context = syscalls.fsopen(filesystem)
    for key, value in options:
        if value is None:
            syscalls.fsconfig_flag(context, key)
        else:
            syscalls.fsconfig_string(context, key, value)
    syscalls.fsconfig_create(context)
    mounted = syscalls.fsmount(context, attributes)
    os.close(context)
    return mounted
