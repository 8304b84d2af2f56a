"""Copies, for filesystems that can do no better; on XFS and btrfs they share their blocks (FICLONE)."""

from pathlib import Path

from runtime.storage import tree
from runtime.storage.store import like, opened
from runtime.storage.whole import Whole


class Vfs(Whole):
    """See Driver."""

    name = "vfs"
    preference = 9

    @staticmethod
    def unusable(directory: Path) -> str:
        """See Driver."""
        return "" if directory.is_dir() else f"there is no directory {directory}"

    def _grow(self, fs: Path, origin: Path | None) -> None:
        fs.mkdir()
        like(fs, origin)
        if origin:
            with opened(origin) as source, opened(fs) as target:
                tree.copy(source, target)


DRIVER = Vfs
