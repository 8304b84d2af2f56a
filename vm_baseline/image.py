"""The image that a person means."""

import contextlib
import sys
from collections.abc import Iterator
from pathlib import Path

from tare.errors import ImageError
from tare.image import GROUP, ImageSource, RootImage
from tare.provider import provider
from tare.state import State
from vm_baseline.architecture import host_name

_MACHINES = {"amd64": "x86_64", "arm64": "aarch64"}


@contextlib.contextmanager
def opened(state: State, name: str, platform: str = "", pull: str = "never") -> Iterator[RootImage]:
    """A root directory (a path with a slash, or `.`), or an image of a source by any of its names.

    Args:
        state: where images are kept.
        name: as the person wrote it.
        platform: which of an image's, as `linux/arm64`; of a directory, what its files are for.
        pull: whether it is brought from its registry, `always`, `missing` or `never`.

    Raises:
        ImageError: there is none such, it is broken, or made for another processor than the one asked for,
            which is the host's unless it is named.
    """
    if not name:
        raise ImageError("the image has no name", "name a root directory or an image")
    if "/" in name or name in (".", ".."):
        place = Path(name)
        if place.is_dir():
            architecture = platform.split("/")[1] if "/" in platform else platform
            yield RootImage(place.absolute().name, place.absolute(), architecture=architecture)
            return
    with _source()(state, name, platform, pull, lambda line: print(line, file=sys.stderr)) as image:
        if not platform and machine(image) not in ("", host_name()):
            raise ImageError(
                f"the image {name} is made for {image.architecture}, and this host is {host_name()}",
                f"have it emulated with --platform linux/{image.architecture}, or get the one for this host",
            )
        yield image


def machine(image: RootImage) -> str:
    """The architecture of the guests that can run an image (`uname -m`); empty where it isn't known."""
    return _MACHINES.get(image.architecture, image.architecture)


def mark(image: RootImage) -> str | None:
    """What names the image's content in the names of what is built from it; None for a mere directory."""
    return image.digest.partition(":")[2][:32] if image.digest else None


def _source() -> ImageSource:
    source: ImageSource | None = provider(GROUP)
    if source is None:
        raise ImageError("nobody here has images", "name a root directory, or install tarebench again")
    return source
