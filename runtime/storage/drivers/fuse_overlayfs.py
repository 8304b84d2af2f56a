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
from runtime.storage.store import Store, closed, opened

_PROGRAM = "fuse-overlayfs"
_CHATTER = "unknown argument ignored"
"""What it says of `lazytime` whenever it starts."""
_NOT_MOUNTED = (errno.EINVAL, errno.ENOENT)


class FuseOverlayfs(Overlay):
    """See Driver. As the kernel's overlay, but a process serves each root, from `root` to `release`.

    For a container with a user namespace of its own it must be mounted before the engine starts, unless the
    host's mounts are shared; see mount_namespaces(7).
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
        merged = self._merged(container)
        with self._locks.held(container):
            if not _is_served(merged):
                merged.mkdir(exist_ok=True, mode=0o700)
                with closed(self._mount(self._image(container), merged.parent, writable=True)) as mounted:
                    syscalls.move_mount(mounted, syscalls.AT_FDCWD, str(merged))
        return root

    def release(self, container: str) -> None:
        """See Driver."""
        _unmount(self._merged(container))

    @contextmanager
    def opened(self, container: str) -> Iterator[int]:
        """See Driver; here the container may run."""
        lowers, merged = self._image(container), self._merged(container)
        if _is_served(merged):
            with opened(merged) as descriptor:
                yield descriptor
        else:
            with closed(self._mount(lowers, merged.parent, writable=True)) as descriptor:
                yield descriptor

    @contextmanager
    def seen(self, container: str) -> Iterator[int]:
        """See Driver."""
        with self.opened(container) as descriptor:
            yield descriptor

    @contextmanager
    def difference(self, container: str) -> Iterator[Path]:
        """See Driver; a copy, as the program leaves marks of its own in `upper`."""
        with Store.difference(self, container) as difference:
            yield difference

    def _root(self, container: str) -> Root:
        self._chain(container)
        return Root(directory=self._merged(container))

    def _merged(self, container: str) -> Path:
        return self._containers / container / "merged"

    def _image(self, container: str) -> tuple[Path, ...]:
        return self._lowers(self._chain(container))

    def _mount(self, lowers: tuple[Path, ...], place: Path, *, writable: bool) -> int:
        """A detached mount, whose process ends with it.

        Raises:
            EngineError: it can't be made.
        """
        # Relative to the directory it starts in, as its options know colons and commas.
        layers = ":".join(str(lower.relative_to(self._directory)) for lower in lowers)
        options = [f"lowerdir={layers}"]
        if writable:
            options += [f"{key}dir={(place / key).relative_to(self._directory)}" for key in ("upper", "work")]
        device = os.open("/dev/fuse", os.O_RDWR | os.O_CLOEXEC)
        try:
            mounted = _connect(device, f"{self._prefix}-{place.name[:12]}")
            try:
                self._serve(device, ",".join(options))
            except BaseException:
                os.close(mounted)
                raise
            return mounted
        finally:
            os.close(device)

    def _serve(self, device: int, options: str) -> None:
        import subprocess

        ran = subprocess.run(
            [_PROGRAM, "-o", options, f"/dev/fd/{device}"],
            cwd=self._directory,
            pass_fds=[device],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.PIPE,
            text=True,
            check=False,
        )
        if ran.returncode:
            said = [line for line in ran.stderr.splitlines() if line and not line.startswith(_CHATTER)]
            reason = said[-1] if said else f"exit status {ran.returncode}"
            raise EngineError(
                f"can't mount with {options}: {reason}", "see the manual page of fuse-overlayfs"
            )


def _connect(device: int, name: str) -> int:
    """A detached FUSE mount that is served through the device; see the kernel's filesystems/fuse.rst."""
    context = syscalls.fsopen("fuse")
    try:
        for key, value in (
            ("source", name),
            ("subtype", _PROGRAM),
            ("fd", str(device)),
            ("rootmode", "40000"),
            ("user_id", str(os.geteuid())),
            ("group_id", str(os.getegid())),
        ):
            syscalls.fsconfig_string(context, key, value)
        for key in ("allow_other", "default_permissions"):
            syscalls.fsconfig_flag(context, key)
        syscalls.fsconfig_create(context)
        return syscalls.fsmount(context, 0)
    finally:
        os.close(context)


def _is_served(merged: Path) -> bool:
    """Whether a root is mounted there; one whose process died is unmounted."""
    try:
        # What stat(2) says is remembered for long after the end of the process.
        os.statvfs(merged)
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
