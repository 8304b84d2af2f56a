"""Steps that make a copy-on-write root over an image."""

from __future__ import annotations

import os

from runtime import syscalls
from runtime.steps.filesystem import Filesystem

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Sequence


class Overlay(Filesystem):
    """Mounts an overlay whose writable layer is on disk or in memory."""

    _name = ""
    _directory = ""
    _layer = -1
    _place = -1
    _root_mode = 0o755

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
