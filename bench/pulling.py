"""An image out of a registry by our own client, into a store of its own that goes with it."""

from collections.abc import Iterator
from contextlib import contextmanager

from bench.lab import Lab
from runtime import teardown
from runtime.image.fetching import fetch
from runtime.image.registry import Session
from runtime.image.registry_config import Registries
from runtime.image.store import ImageStore, StoredImage
from runtime.storage import registry
from tare.state import State


@contextmanager
def pulled_alone(lab: Lab, reference: str) -> Iterator[tuple[State, StoredImage]]:
    """Fetch and unpack an image into an empty state.

    Raises:
        RegistryError: the registry fails.
        ImageError: the image is broken, or the disk is full.
    """
    directory = lab.directory(volatile=False)
    state = State.at(directory)
    try:
        with Session(Registries()) as session:
            yield state, fetch(ImageStore(state), registry.driver(state), reference, session=session).image
    finally:
        teardown.remove_tree(str(directory))
