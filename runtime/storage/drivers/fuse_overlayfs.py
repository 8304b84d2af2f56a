"""The program fuse-overlayfs, for kernels that let only root mount an overlay; see its manual page."""

import errno
import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from runtime import syscalls
from runtime.errors import EngineError
from runtime.storage.drivers.overlay import Overlay
from runtime.storage.protocol import Root

_PROGRAM = "fuse-overlayfs"
_NOT_MOUNTED = (errno.EINVAL, errno.ENOENT)


class FuseOverlayfs(Overlay):
    """See Driver. As the kernel's overlay, but a process serves each root, from `root` to `release`.

    It must be mounted before the engine starts unless the host's mounts are shared; see mount_namespaces(7).
    """

    name = _PROGRAM
    preference = 3

    @staticmethod
    def unusable(directory: Path) -> str:
        """See Driver."""
        if not directory.is_dir():
            return f"there is no directory {directory}"
        if not shutil.which(_PROGRAM):
            return f"the program {_PROGRAM} is not installed"
        if not os.access("/dev/fuse", os.R_OK | os.W_OK):
            return "/dev/fuse can't be opened"
        return ""

    def root(self, container: str) -> Root:
        """See Driver."""
        root = self._root(container)
        with self._locks.held(container):
            if not _is_served(self._merged(container)):
                self._serve(container, self._lowers(self._chain(container)), writable=True)
        return root

    def release(self, container: str) -> None:
        """See Driver."""
        _unmount(self._merged(container))

    @contextmanager
    def opened(self, container: str) -> Iterator[int]:
        """See Driver; here the container may run."""
        was_served = _is_served(self._merged(container))
        self.root(container)
        mounted = os.open(self._merged(container), os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
        try:
            yield mounted
        finally:
            os.close(mounted)
            if not was_served:
                self.release(container)

    def _root(self, container: str) -> Root:
        self._chain(container)
        return Root(directory=self._merged(container))

    def _mount(self, lowers: tuple[Path, ...], place: Path, *, writable: bool) -> int:
        merged = self._serve(place.name, lowers, writable=writable)
        try:
            return os.open(merged, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
        finally:
            _unmount(merged)

    def _merged(self, container: str) -> Path:
        return self._containers / container / "merged"

    def _serve(self, container: str, lowers: tuple[Path, ...], *, writable: bool) -> Path:
        """Mount a container's root, or what it is based on; the program stays until that is unmounted.

        Raises:
            EngineError: it can't.
        """
        import subprocess

        place = self._containers / container
        merged = self._merged(container) if writable else place / "image"
        merged.mkdir(exist_ok=True, mode=0o700)
        # Relative, as its options know colons and commas.
        options = [f"fsname={self._prefix}-{container[:12]}", "allow_other"]
        options.append("lowerdir=" + ":".join(str(lower.relative_to(self._directory)) for lower in lowers))
        if writable:
            options += [f"{key}dir={(place / key).relative_to(self._directory)}" for key in ("upper", "work")]
        ran = subprocess.run(
            [_PROGRAM, "-o", ",".join(options), str(merged)],
            cwd=self._directory,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.PIPE,
            text=True,
            check=False,
        )
        if ran.returncode:
            reason = (ran.stderr.strip().splitlines() or [f"status {ran.returncode}"])[-1]
            raise EngineError(
                f"{_PROGRAM} can't mount the root of {container}: {reason}", "see its manual page"
            )
        return merged


def _is_served(merged: Path) -> bool:
    """Whether a root is mounted there; one whose process died is unmounted."""
    try:
        return merged.stat().st_dev != merged.parent.stat().st_dev
    except FileNotFoundError:
        return False
    except OSError as error:
        if error.errno != errno.ENOTCONN:
            raise
        _unmount(merged)
        return False


def _unmount(merged: Path) -> None:
    try:
        syscalls.umount2(str(merged), syscalls.MNT_DETACH)
    except OSError as error:
        if error.errno not in _NOT_MOUNTED:
            raise


DRIVER = FuseOverlayfs
