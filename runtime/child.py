# ruff: noqa: PTH102, PTH103, PTH120 - plain strings and descriptors, as in system calls
"""What runs between clone and exec: the steps of a plan, one method a step.

Everything was decided before the clone; a step only issues its system calls. The first one to fail is
reported over the channel as (step, errno, detail) and ends the child. The launcher imports this module, so it
imports nothing slow.
"""

from __future__ import annotations

import errno
import os
import resource
import select
import socket
import stat
import time
from collections.abc import Callable, Sequence

from runtime import devices, interface, syscalls, wire

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import NoReturn

SETUP_FAILED = 125
Step = tuple[object, ...]

_IN_ROOT = syscalls.RESOLVE_IN_ROOT | syscalls.RESOLVE_NO_MAGICLINKS
_KERNEL_MOUNT = _IN_ROOT | syscalls.RESOLVE_NO_SYMLINKS
_DEVICE_MODE = stat.S_IFCHR | 0o666


class Child:
    """A process on its way to becoming a container's.

    Args:
        channel: where a failing step is reported and the go-ahead is awaited.
        stdio: the three descriptors that become 0, 1 and 2.
        name: the container's name, which its root mount carries on the host.
        directory: where the container's directory on disk may be made; what it is to be made in exists.
        launcher: pidfd of the launcher.
    """

    def __init__(
        self,
        channel: socket.socket,
        stdio: Sequence[int],
        *,
        launcher: int,
        name: str = "",
        directory: str = "",
    ) -> None:
        self._channel = channel
        self._stdio = stdio
        self._launcher = launcher
        self._name = name
        self._directory = directory
        self._layer = -1
        self._place = -1
        self._root_mode = 0o755
        self._root = -1
        self._dev = -1
        self._empty = -1
        self._groups: list[int] = []
        self._detail = ""

    def run(self, steps: Sequence[Step]) -> NoReturn:
        """Carry out the steps, of which the last is `execute`; never returns."""
        name = ""
        try:
            for step in steps:
                name = str(step[0])
                self._detail = ""
                operation: Callable[..., None] = getattr(self, name)
                operation(*step[1:])
        except OSError as error:
            wire.send(self._channel, ("failed", name, error.errno or errno.EIO, self._detail))
        finally:
            os._exit(SETUP_FAILED)

    def open_groups(self, paths: Sequence[str]) -> None:
        """Open the `tasks` or `cgroup.procs` files while they can still be seen."""
        for path in paths:
            self._detail = path
            self._groups.append(os.open(path, os.O_WRONLY | os.O_CLOEXEC))

    def join_groups(self) -> None:
        """Move into the opened groups; writing 0 moves the writer, which spares the kernel a global lock."""
        for descriptor in self._groups:
            os.write(descriptor, b"0")
            os.close(descriptor)

    def unshare(self, flags: int) -> None:
        """Leave the given namespaces for new ones."""
        syscalls.unshare(flags)

    def await_go(self) -> None:
        """Wait until the engine has made what has to be made from outside."""
        if not self._channel.recv(1):
            os._exit(SETUP_FAILED)

    def session(self) -> None:
        """Lead a new session, so that the terminal's signals come from the engine alone."""
        os.setsid()

    def stdio(self) -> None:
        """Put the standard descriptors in place."""
        for number, descriptor in enumerate(self._stdio):
            os.dup2(descriptor, number)

    def hostname(self, name: str) -> None:
        """Name the host inside the new UTS namespace."""
        socket.sethostname(name)

    def loopback(self) -> None:
        """Bring the loopback interface up."""
        interface.up("lo")

    def interface(self, address: str, netmask: str, gateway: str) -> None:
        """Give eth0 its address, bring it up and route through the gateway, where there is one."""
        interface.configure("eth0", address, netmask)
        if gateway:
            interface.default_route(gateway)

    def locate(self, lower: str) -> None:
        """Take hold of the image, and of where to mount, while both can be reached by path."""
        self._detail = lower
        self._layer = os.open(lower, os.O_PATH | os.O_DIRECTORY | os.O_CLOEXEC)
        self._root_mode = os.fstat(self._layer).st_mode & 0o7777
        self._place = os.open(os.path.dirname(self._directory), os.O_PATH | os.O_DIRECTORY | os.O_CLOEXEC)

    def disk_scratch(self) -> None:
        """Make the container's directory on disk and enter it."""
        self._detail = self._directory
        os.mkdir(self._directory, 0o700)
        os.chdir(self._directory)
        self._scratch_directories()

    def enter_scratch(self) -> None:
        """Enter the directory that the engine made, as only it may give files to the users of the mapping."""
        self._detail = self._directory
        os.chdir(self._directory)

    def memory_scratch(self) -> None:
        """Enter a fresh tmpfs, which goes with this mount namespace, as nothing else holds it."""
        context = syscalls.fsopen("tmpfs")
        syscalls.fsconfig_string(context, "source", self._name)
        syscalls.fsconfig_create(context)
        scratch = syscalls.fsmount(context, 0)
        os.close(context)
        syscalls.move_mount(scratch, self._place)
        os.fchdir(scratch)
        os.close(scratch)
        self._scratch_directories()

    def _scratch_directories(self) -> None:
        os.mkdir("upper", self._root_mode)
        os.mkdir("work", 0o700)

    def overlay(self, options: Sequence[str]) -> None:
        """Mount the root, the image with `upper` over it, and attach it where the scratch is."""
        context = syscalls.fsopen("overlay")
        syscalls.fsconfig_string(context, "source", self._name)
        # The path through the descriptor has neither colons to be split at nor 256 characters.
        syscalls.fsconfig_string(context, "lowerdir", f"/proc/self/fd/{self._layer}")
        syscalls.fsconfig_string(context, "upperdir", "upper")
        syscalls.fsconfig_string(context, "workdir", "work")
        for option in options:
            syscalls.fsconfig_flag(context, option)
        syscalls.fsconfig_create(context)
        self._root = syscalls.fsmount(context, 0)
        os.close(context)
        os.close(self._layer)
        syscalls.move_mount(self._root, syscalls.AT_FDCWD, ".")

    def mount(
        self, target: str, filesystem: str, attributes: int, options: Sequence[tuple[str, str | None]]
    ) -> None:
        """Mount a kernel filesystem at `target` below the root; a symbolic link on the way is refused."""
        self._detail = target
        directory = self._kernel_target(target)
        context = syscalls.fsopen(filesystem)
        for key, value in options:
            if value is None:
                syscalls.fsconfig_flag(context, key)
            else:
                syscalls.fsconfig_string(context, key, value)
        syscalls.fsconfig_create(context)
        mounted = syscalls.fsmount(context, attributes)
        syscalls.move_mount(mounted, directory)
        os.close(context)
        os.close(directory)
        if target == "/dev":
            self._dev = mounted
        else:
            os.close(mounted)

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

    def bind(self, source: str, target: str, attributes: int) -> None:
        """Mount a path of the host at `target`, resolved as if the root were / already."""
        self._detail = source
        tree = syscalls.open_tree(syscalls.AT_FDCWD, source, syscalls.OPEN_TREE_CLONE | syscalls.AT_RECURSIVE)
        if attributes:
            syscalls.mount_setattr(tree, "", attributes=attributes, recursive=True)
        self._detail = target
        is_directory = stat.S_ISDIR(os.fstat(tree).st_mode)
        place = self._bind_target(target, is_directory)
        syscalls.move_mount(tree, place)
        os.close(tree)
        os.close(place)

    def mask(self, paths: Sequence[str]) -> None:
        """Hide files behind /dev/null, directories behind an empty one; missing paths are no fault."""
        for path in paths:
            self._detail = path
            place = self._existing(path)
            if place < 0:
                continue
            if stat.S_ISDIR(os.fstat(place).st_mode):
                cover = self._empty_directory()
            else:
                cover = syscalls.open_tree(self._dev, "null", syscalls.OPEN_TREE_CLONE)
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

    def working_directory(self, path: str) -> None:
        """Enter the working directory, made when the image lacks it."""
        self._detail = path
        try:
            os.chdir(path)
        except FileNotFoundError:
            os.makedirs(path, 0o755)
            os.chdir(path)

    def announce(self) -> None:
        """Tell the engine that all namespaces are complete, so that others can join them."""
        wire.send(self._channel, ("complete", time.monotonic_ns()))

    def rlimits(self, limits: Sequence[tuple[int, int, int]]) -> None:
        """Set (resource, soft, hard) limits."""
        for number, soft, hard in limits:
            resource.setrlimit(number, (soft, hard))

    def bounding_set(self, dropped: Sequence[int]) -> None:
        """Drop capabilities from the bounding set for good."""
        for number in dropped:
            syscalls.prctl(syscalls.PR_CAPBSET_DROP, number)

    def credentials(self, uid: int, gid: int, groups: Sequence[int] | None) -> None:
        """Become the user; the kernel clears the capabilities of any but uid 0."""
        if groups is not None:
            os.setgroups(groups)
        os.setresgid(gid, gid, gid)
        os.setresuid(uid, uid, uid)

    def capabilities(self, header: bytes, data: bytes) -> None:
        """Set effective, permitted and inheritable sets."""
        syscalls.capset(header, data)

    def no_new_privileges(self) -> None:
        """Give up gaining privileges through exec."""
        syscalls.prctl(syscalls.PR_SET_NO_NEW_PRIVS, 1)

    def die_with_parent(self, number: int) -> None:
        """Get this signal when the launcher ends; if it has by now, end."""
        syscalls.prctl(syscalls.PR_SET_PDEATHSIG, number)
        poll = select.poll()
        poll.register(self._launcher, select.POLLIN)
        if poll.poll(0):
            os._exit(SETUP_FAILED)

    def seccomp(self, program: bytes) -> None:
        """Install the system call filter."""
        syscalls.seccomp_filter(program, syscalls.SECCOMP_FILTER_FLAG_SPEC_ALLOW)

    def execute(self, argv: Sequence[str], environment: dict[str, str], path: str) -> None:
        """Become the command, sought along `path` when it has no slash."""
        self._detail = command = argv[0]
        syscalls.close_range(3, 0xFFFFFFFF, syscalls.CLOSE_RANGE_CLOEXEC)
        os.umask(0o022)
        candidates = (
            [command] if "/" in command else [f"{part}/{command}" for part in path.split(":") if part]
        )
        failure: OSError = FileNotFoundError(errno.ENOENT, "not found")
        for candidate in candidates:
            try:
                os.execve(candidate, tuple(argv), environment)
            except (FileNotFoundError, NotADirectoryError):
                continue
            except PermissionError as error:
                failure = error
        raise failure

    def _kernel_target(self, path: str) -> int:
        flags = os.O_PATH | os.O_DIRECTORY
        try:
            return syscalls.openat2(self._root, path, flags, resolve=_KERNEL_MOUNT)
        except FileNotFoundError:
            self._make_parents(path, directory=True)
            return syscalls.openat2(self._root, path, flags, resolve=_KERNEL_MOUNT)

    def _bind_target(self, path: str, directory: bool) -> int:
        try:
            return syscalls.openat2(self._root, path, os.O_PATH, resolve=_IN_ROOT)
        except FileNotFoundError:
            self._make_parents(path, directory=directory)
            return syscalls.openat2(self._root, path, os.O_PATH, resolve=_IN_ROOT)

    def _make_parents(self, path: str, *, directory: bool) -> None:
        *parents, last = [part for part in path.split("/") if part]
        place = os.dup(self._root)
        reached = ""
        for part in [*parents, last] if directory else parents:
            reached = f"{reached}/{part}"
            try:
                following = syscalls.openat2(
                    self._root, reached, os.O_PATH | os.O_DIRECTORY, resolve=_IN_ROOT
                )
            except FileNotFoundError:
                os.mkdir(part, 0o755, dir_fd=place)
                following = syscalls.openat2(
                    self._root, reached, os.O_PATH | os.O_DIRECTORY, resolve=_IN_ROOT
                )
            os.close(place)
            place = following
        if not directory:
            os.mknod(last, stat.S_IFREG | 0o644, dir_fd=place)
        os.close(place)

    def _existing(self, path: str) -> int:
        try:
            return syscalls.openat2(self._root, path, os.O_PATH, resolve=_IN_ROOT)
        except (FileNotFoundError, NotADirectoryError, PermissionError):
            return -1
