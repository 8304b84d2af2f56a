"""The image of the distribution's packages that some scenarios measure with, made once for a state."""

from collections.abc import Callable

from bench.subject import Image
from runtime.image.bootstrap_debian import bootstrap_debian
from runtime.image.store import ImageStore
from runtime.rootfs import flatten
from tare.errors import ImageError
from tare.hashing import sha256
from tare.state import State

PACKAGES = (
    "busybox",
    "fio",
    "iperf3",
    "nginx-light",
    "openssl",
    "postgresql",
    "redis-server",
    "redis-tools",
    "sysbench",
    "wrk",
    "zstd",
)
REPOSITORY = "tarebench-tools"
NAME = f"{REPOSITORY}:{sha256(' '.join(PACKAGES).encode()).hexdigest()[:12]}"
"""How the store has it: other packages are another image."""


def tools_image(state: State, say: Callable[[str], object]) -> Image:
    """The image, made first when the store doesn't have it, which takes a minute or two.

    Args:
        state: whose store has it.
        say: told in a line that it is being made.

    Raises:
        ImageError: mmdebstrap is missing or fails, packages can't be had, or the disk is full.
    """
    store = ImageStore(state)
    try:
        stored = store.get(NAME)
    except ImageError:
        say(f"making the image {REPOSITORY} of the distribution's packages, once: {', '.join(PACKAGES)}")
        stored = bootstrap_debian(store, NAME, include=PACKAGES)
    return Image(REPOSITORY, flatten(state, stored), stored)
