"""The image that a person means."""

from pathlib import Path

from bench.subject import Image
from runtime.image.bootstrap_busybox import bootstrap_busybox
from runtime.image.store import ImageStore
from runtime.rootfs import flatten
from tare.errors import ImageError
from tare.state import State

DEFAULT = "busybox"


def find(state: State, reference: str) -> Image:
    """A root directory (a path with a slash, or `.`), or an image of the store by any of its names.

    The default one is made from the host's busybox when it is missing.

    Raises:
        ImageError: there is none such.
    """
    path = Path(reference)
    if ("/" in reference or reference in (".", "..")) and path.is_dir():
        return Image(path.absolute().name, path.absolute())
    store = ImageStore(state)
    try:
        stored = store.get(reference)
    except ImageError:
        if reference != DEFAULT:
            raise
        stored = bootstrap_busybox(store)
    return Image(reference, flatten(state, stored), stored)
