"""Steps that make a copy-on-write root over an image."""

from __future__ import annotations

import os

from runtime import syscalls
from runtime.steps.filesystem import Filesystem
from runtime.storage import overlayfs

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Sequence


class Overlay(Filesystem):
    """Mounts an overlay whose writable layer is on disk or in memory, or a directory that is written to."""

    _name = ""
    _directory = ""
    _layers: Sequence[int] = ()
    _place = -1
    _host = -1
    _root_mode = 0o755

    def locate(self, layers: Sequence[str]) -> None:
        """Take hold of the image, top first, and of where to mount, while both can be reached by path."""
        self._layers = [self._held(layer) for layer in layers]
        self._root_mode = os.fstat(self._layers[0]).st_mode & 0o7777
        self._place = self._held(os.path.dirname(self._directory))

    def _held(self, directory: str) -> int:
        self._detail = directory
        return os.open(directory, os.O_PATH | os.O_DIRECTORY | os.O_CLOEXEC)

    def disk_scratch(self) -> None:
        """Make the container's directory on disk and enter it."""
        self._detail = self._directory
        os.mkdir(self._directory, 0o700)
        os.chdir(self._directory)
        self._scratch_directories()

    def enter_scratch(self, directory: str = "") -> None:
        """Enter a directory with `upper` and `work`, the engine's where none is named.

        In a user namespace only the engine may give it to the users of the mapping.
        """
        self._detail = directory or self._directory
        os.chdir(self._detail)

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

    def overlay(self, in_user_namespace: bool) -> None:
        """Mount the root, the image with `upper` over it, and attach it where the scratch is."""
        self._root = overlayfs.mount(self._layers, self._name, ".", unprivileged=in_user_namespace)
        for layer in self._layers:
            os.close(layer)
        syscalls.move_mount(self._root, syscalls.AT_FDCWD, ".")

    def in_place(self, path: str) -> None:
        """Make the image itself the root, mounted over itself as only a mount can be one.

        Args:
            path: where the host has it, who may have mounted it after this mount namespace was made; empty
                where the host's can't be entered.
        """
        (layer,) = self._layers
        if path:
            self._detail = path
            self._root = self._tree_of(self._host, path, syscalls.OPEN_TREE_CLONE)
        else:
            self._root = syscalls.open_tree(layer, "", syscalls.OPEN_TREE_CLONE | syscalls.AT_EMPTY_PATH)
        syscalls.move_mount(self._root, layer)
        os.close(layer)
