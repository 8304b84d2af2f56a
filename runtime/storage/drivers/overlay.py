"""The overlay filesystem of the kernel: nothing is copied before it is written to."""

import os
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

from runtime import syscalls
from runtime.rootless import userns
from runtime.storage import overlayfs
from runtime.storage.protocol import ROOT, Owner, Root
from runtime.storage.store import Store, closed, like, measure, opened

_PROBE = "tare-probe"


class Overlay(Store):
    """See Driver. A layer is what it adds; a container is an `upper` and a `work` directory."""

    name = "overlay"
    preference = 1

    @staticmethod
    def unusable(directory: Path) -> str:
        """See Driver."""
        with opened(directory) as descriptor:
            if syscalls.filesystem_type(descriptor) == overlayfs.SUPER_MAGIC:
                return (
                    f"{directory} lies on an overlay filesystem, which can't hold another's upper directory"
                )
        import tempfile

        with tempfile.TemporaryDirectory(dir=directory, prefix=".probe-") as place:
            for name in ("lower", "upper", "work"):
                Path(place, name).mkdir()
            try:
                with opened(Path(place, "lower")) as lower:
                    confined = not userns.is_initial()
                    os.close(overlayfs.mount([lower], _PROBE, place, unprivileged=confined))
            except OSError as error:
                return (
                    f"the kernel mounts no overlay with its upper directory in {directory}: {error.strerror}"
                )
        return ""

    @contextmanager
    def opened(self, container: str) -> Iterator[int]:
        """See Driver."""
        lowers = self._lowers(self._chain(container))
        with closed(self._mount(lowers, self._containers / container, writable=True)) as mounted:
            yield mounted

    @contextmanager
    def seen(self, container: str) -> Iterator[int]:
        """See Driver; nothing that the mount which writes works with is touched."""
        lowers = self._lowers(self._chain(container))
        place = self._containers / container
        with closed(self._mount((place / "upper", *lowers), place, writable=False)) as mounted:
            yield mounted

    @contextmanager
    def difference(self, container: str) -> Iterator[Path]:
        """See Driver."""
        self._chain(container)
        yield self._containers / container / "upper"

    def container_bytes(self, container: str) -> int:
        """See Driver."""
        try:
            return measure(self._containers / container / "upper")
        except FileNotFoundError:
            return 0

    def _root(self, container: str) -> Root:
        lowers = self._lowers(self._chain(container))
        place = self._containers / container
        return Root(lowers, upper=place / "upper", work=place / "work")

    def _fill_layer(self, new: Path, parent: Path | None, unpack: Callable[[Path], None]) -> None:
        fs = new / "fs"
        fs.mkdir()
        like(fs, parent)
        unpack(fs)
        (new / "bytes").write_text(str(measure(fs)))

    def _fill_container(self, new: Path, lowers: tuple[Path, ...], owner: Owner) -> None:
        for name in ("upper", "work"):
            (new / name).mkdir(mode=0o700)
        like(new / "upper", lowers[0])
        if owner != ROOT:
            for path in (new, new / "upper", new / "work"):
                os.chown(path, *owner)
            (new / "unprivileged").touch()

    @contextmanager
    def _compared(self, container: str) -> Iterator[tuple[int, int, bool]]:
        lowers = self._lowers(self._chain(container))
        place = self._containers / container
        with (
            opened(place / "upper") as upper,
            closed(self._mount(lowers, place, writable=False)) as before,
        ):
            yield upper, before, True

    def _mount(self, lowers: tuple[Path, ...], place: Path, *, writable: bool) -> int:
        if not writable and len(lowers) == 1:
            return os.open(lowers[0], os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
        with ExitStack() as stack:
            descriptors = [stack.enter_context(opened(lower)) for lower in lowers]
            name = f"{self._prefix}-{place.name[:12]}"
            unprivileged = (place / "unprivileged").exists() or not userns.is_initial()
            return overlayfs.mount(
                descriptors, name, str(place), writable=writable, unprivileged=unprivileged
            )


DRIVER = Overlay
