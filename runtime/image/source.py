"""The store's images for those who mount no layers; the entry point of `tare.image`."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial

from tare.image import RootImage
from tare.state import State


@contextmanager
def stored_image(
    state: State,
    name: str,
    platform: str = "",
    pull: str = "never",
    tell: Callable[[str], object] = lambda _: None,
) -> Iterator[RootImage]:
    """An image of the store by any of its names, see `tare.image.ImageSource`."""
    from runtime.image import finding
    from runtime.image.content import Content
    from runtime.image.platform import Platform, require
    from runtime.image.store import ImageStore, StoredImage
    from runtime.rootfs import flatten

    wanted = Platform.parse(platform) if platform else None
    with Content(state.directory("content")).adding():
        store = ImageStore(state)

        def bring() -> StoredImage:
            from runtime.image.fetching import fetch

            tell(f"pulling {name}")
            return fetch(store, partial(flatten, state), name, platform=wanted).image

        image = finding.find(store, name, platform=wanted, pull=pull, fetch=bring)
        config = image.config
        if wanted:
            require(config.platform, wanted, name)
        yield RootImage(
            name,
            flatten(state, image),
            image.descriptor.digest,
            config.architecture,
            config.entrypoint,
            config.cmd,
            config.env,
            config.user,
            config.workdir,
        )
