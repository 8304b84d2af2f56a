"""An image out of a registry by our own client, into a store of its own that goes with it."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial

from bench.lab import Lab
from runtime import teardown
from runtime.image.fetching import fetch
from runtime.image.layers import unpack_layers
from runtime.image.registry import Session
from runtime.image.registry_config import Registries
from runtime.image.store import ImageStore, StoredImage
from runtime.storage import registry
from tare.state import State


def _into_layers(state: State, image: StoredImage) -> None:
    unpack_layers(ImageStore(state).content, image, registry.driver(state))


@contextmanager
def pulled_alone(
    lab: Lab, reference: str, unpack: Callable[[State, StoredImage], object] = _into_layers
) -> Iterator[tuple[State, StoredImage]]:
    """Fetch and unpack an image into an empty state.

    Args:
        lab: where the state is.
        reference: of the image.
        unpack: unpacks its layers.

    Raises:
        RegistryError: the registry fails.
        ImageError: the image is broken, or the disk is full.
    """
    directory = lab.directory(volatile=False)
    state = State.at(directory)
    try:
        with Session(Registries()) as session:
            store = ImageStore(state)
            yield state, fetch(store, partial(unpack, state), reference, session=session).image
    finally:
        teardown.remove_tree(str(directory))
