"""Build products that appear under their name whole or not at all."""

import errno
import tempfile
from collections.abc import Callable
from pathlib import Path

UNFINISHED = "making-"


def cached(target: Path, make: Callable[[Path], None]) -> Path:
    """The target, made first when it is not there yet.

    Args:
        target: a file or directory; its parent is created.
        make: fills the path it is given, which lies on the same file system and is renamed to the target.

    Returns:
        The target. When two processes make it at once, one of the equal products stays.
    """
    if target.exists():
        return target
    target.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
    with tempfile.TemporaryDirectory(dir=target.parent, prefix=UNFINISHED) as workshop:
        product = Path(workshop, target.name)
        make(product)
        try:
            product.rename(target)
        except OSError as error:
            if error.errno not in (errno.ENOTEMPTY, errno.EEXIST):
                raise
    return target
