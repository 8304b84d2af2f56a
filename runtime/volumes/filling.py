"""What an image has at a volume's place, copied into the volume before anybody has it."""

import os
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from runtime import teardown
from runtime.storage import paths, tree
from runtime.storage.paths import CopyError
from runtime.storage.store import opened
from runtime.volumes.volume import VolumeError

NEW = ".filling"


def fill(volume: Path, data: str, root: int, target: str) -> None:
    """Replace an empty directory of a volume by what is in an image, at once; nothing there is no fault.

    Args:
        volume: the volume's directory.
        data: name of the directory in it.
        root: descriptor of the image's root.
        target: where in there.

    Raises:
        VolumeError: it can't be read or written.
    """
    if os.listdir(volume / data):  # noqa: PTH208 - names are all that matters
        return
    new = volume / NEW
    teardown.remove_tree(str(new))
    try:
        with suppress(FileNotFoundError, NotADirectoryError), _found(root, target) as source:
            status = os.fstat(source)
            new.mkdir(mode=0o700)
            with opened(new) as into:
                tree.copy(source, into)
                os.fchown(into, status.st_uid, status.st_gid)
                os.fchmod(into, status.st_mode & 0o7777)
                os.utime(into, ns=(status.st_atime_ns, status.st_mtime_ns))
            new.rename(volume / data)
    except (OSError, CopyError) as error:
        raise VolumeError(
            f"can't fill the volume {volume.name} from {target} of the image: {error}",
            "free some disk space, or mount it with nocopy",
        ) from error
    finally:
        teardown.remove_tree(str(new))


@contextmanager
def _found(root: int, target: str) -> Iterator[int]:
    with paths.found(root, target, follow=True) as place:
        if not place.is_directory:
            raise NotADirectoryError(target)
        with place.directory() as directory:
            yield directory
