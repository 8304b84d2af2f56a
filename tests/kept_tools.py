"""The tools image is kept between test runs (XDG Base Directory 0.8), as it takes a minute or two to make."""

import os
from pathlib import Path

from bench.subject import Image
from bench.tools_image import NAME, tools_image
from runtime.image.saving import load, save
from runtime.image.store import ImageStore
from tare.state import State


def kept_tools(state: State) -> Image:
    """The image of an earlier run, or a new one that later runs will have."""
    cache = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "tarebench/test-tools"
    cache.mkdir(parents=True, exist_ok=True)
    archive = cache / f"{NAME.replace(':', '-')}.tar"
    if archive.exists():
        load(ImageStore(state), archive)
        return tools_image(state, print)
    image = tools_image(state, print)
    unfinished = archive.with_suffix(f".{os.getpid()}")
    save(ImageStore(state), [NAME], unfinished)
    unfinished.replace(archive)
    return image
