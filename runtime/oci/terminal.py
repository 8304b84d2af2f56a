"""Steps that give the process a terminal; see config.md, Process, and pty(7)."""

from __future__ import annotations

import errno
import fcntl
import os
import struct

from runtime import syscalls, wire
from runtime.steps.filesystem import RESOLVE_NO_XDEV, Filesystem

_TIOCSPTLCK = 0x40045431
_TIOCGPTPEER = 0x5441
_TIOCSWINSZ = 0x5414
_TIOCSCTTY = 0x540E


class Terminal(Filesystem):
    """Opens a pseudoterminal of the container's own devpts."""

    def new_terminal(self, size: tuple[int, int] | None) -> None:
        """Make a terminal below the root, show it as /dev/console and use it."""
        master = self._master(self._root)
        peer = self._peer(master, size)
        self._detail = "/dev/console"
        console = syscalls.open_tree(peer, "", syscalls.OPEN_TREE_CLONE | syscalls.AT_EMPTY_PATH)
        place = self._bind_target("/dev/console", directory=False, follow=False)
        syscalls.move_mount(console, place)
        os.close(console)
        os.close(place)
        self._use(master, peer)

    def another_terminal(self, size: tuple[int, int] | None) -> None:
        """Make and use a further terminal of a running container, which may have bent its paths."""
        root = os.open("/", os.O_PATH | os.O_DIRECTORY | os.O_CLOEXEC)
        master = self._master(root)
        os.close(root)
        self._use(master, self._peer(master, size))

    def _master(self, root: int) -> int:
        """Open the multiplexer; what only has its name isn't even opened, as that may do things."""
        self._detail = "/dev/pts/ptmx"
        inside = syscalls.RESOLVE_IN_ROOT | syscalls.RESOLVE_NO_SYMLINKS
        directory = syscalls.openat2(root, "dev/pts", os.O_PATH | os.O_DIRECTORY, resolve=inside)
        if syscalls.filesystem_type(directory) != syscalls.DEVPTS_SUPER_MAGIC:
            raise OSError(errno.ENOTTY, os.strerror(errno.ENOTTY))
        # Nobody can make nodes in a devpts, but mounts can cover those there are.
        inside |= RESOLVE_NO_XDEV
        master = syscalls.openat2(directory, "ptmx", os.O_RDWR | os.O_NOCTTY, resolve=inside)
        os.close(directory)
        return master

    def _peer(self, master: int, size: tuple[int, int] | None) -> int:
        fcntl.ioctl(master, _TIOCSPTLCK, struct.pack("=i", 0))
        # Opened through the master, never by a name that the image could have taken.
        peer: int = fcntl.ioctl(master, _TIOCGPTPEER, os.O_RDWR | os.O_NOCTTY | os.O_CLOEXEC)
        if size:
            width, height = size
            fcntl.ioctl(peer, _TIOCSWINSZ, struct.pack("=4H", height, width, 0, 0))
        return peer

    def _use(self, master: int, peer: int) -> None:
        wire.send(self._channel, ("console",), (master,))
        os.close(master)
        for number in range(3):
            os.dup2(peer, number)
        os.close(peer)
        fcntl.ioctl(0, _TIOCSCTTY, 0)

    def own_stdio(self, uid: int) -> None:
        """Let the user reopen its standard files through /proc/self/fd; those of others may refuse."""
        for number in range(3):
            status = os.fstat(number)
            if status.st_uid == uid or status.st_rdev == os.makedev(1, 3):
                continue
            try:
                os.fchown(number, uid, -1)
            except OSError as error:
                if error.errno not in (errno.EINVAL, errno.EPERM, errno.EROFS):
                    raise
