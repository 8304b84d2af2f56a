"""Roots of containers that have an image: made when they are created, removed with them."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace

from runtime.lifecycle.errors import StatusError
from runtime.lifecycle.record import Record
from runtime.lifecycle.settings import Settings
from runtime.spec import ContainerSpec
from runtime.storage import registry, skeleton
from runtime.storage.protocol import Driver
from runtime.storage.store import opened
from tare.errors import ImageError
from tare.state import State


class Roots:
    """The roots of a state's containers, each of the storage driver it was made with.

    Args:
        state: where they are.
    """

    def __init__(self, state: State) -> None:
        self._state = state
        self._drivers: dict[str, Driver] = {}

    def chosen(self, settings: Settings) -> Settings:
        """The settings with the storage driver that a root made now has."""
        return replace(settings, driver=self._driver(settings.driver).name) if settings.chain else settings

    def make(self, record: Record) -> None:
        """Make a container's root; one without an image has none.

        Raises:
            ImageError: the image's layers aren't there, or the disk is full.
        """
        settings = record.settings
        if settings.chain:
            self._driver(settings.driver).create(record.id, settings.chain, settings.spec.root_owner)

    def apply(self, record: Record, spec: ContainerSpec) -> ContainerSpec:
        """The specification with the container's root, which is made again where its removal was cut short.

        Raises:
            ImageError: the image's layers aren't there.
        """
        settings = record.settings
        if not settings.chain:
            return spec
        driver = self._driver(settings.driver)
        if not spec.on_disk:
            return skeleton.apply(self._state, driver.image(settings.chain), spec)
        try:
            root = driver.root(record.id)
        except ImageError:
            self.make(record)
            root = driver.root(record.id)
        return skeleton.apply(self._state, root, spec)

    def release(self, record: Record) -> None:
        """Let go of what holds the root of a container that has ended."""
        if record.settings.chain:
            self._driver(record.settings.driver).release(record.id)

    def remove(self, record: Record) -> None:
        """Remove a container's root with all in it; none is no fault."""
        if record.settings.chain:
            self._driver(record.settings.driver).remove(record.id)

    @contextmanager
    def opened(self, record: Record) -> Iterator[int]:
        """A descriptor of the root of a container that doesn't run, of its image where it has none.

        Raises:
            ImageError: there is none.
        """
        settings = record.settings
        if settings.chain:
            with self._driver(settings.driver).opened(record.id) as root:
                yield root
        else:
            with opened(settings.spec.rootfs) as root:
                yield root

    def get(self, record: Record) -> tuple[Driver, str]:
        """The driver of a container's root, and the name by which that knows it.

        Raises:
            StatusError: it runs on a directory, and has no root in the store.
        """
        if not record.settings.chain:
            raise StatusError(
                f"the container {record.name} runs on a directory, not on an image", "use an image"
            )
        return self._driver(record.settings.driver), record.id

    def _driver(self, name: str) -> Driver:
        if name not in self._drivers:
            self._drivers[name] = registry.driver(self._state, name)
        return self._drivers[name]
