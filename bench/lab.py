"""What the subjects of one run share: the engine, the hypervisor, the network and the state root."""

from collections.abc import Mapping
from contextlib import AbstractContextManager, ExitStack
from functools import cached_property
from pathlib import Path
from tempfile import TemporaryDirectory
from types import TracebackType
from typing import Self, TypeVar

from bench.file_copy import copy_files
from bench.loopback_registry import loopback_registry, publish
from bench.network import Network
from bench.rest import rest
from bench.second_image import SecondImage, second_image
from bench.subject import Image, RunSpec
from runtime import Engine
from tare.state import State
from vm_baseline import Hypervisor

_T = TypeVar("_T")


class Lab:
    """Opens each shared part when it is first asked for and releases all of them together.

    Args:
        state: where everything lives.
        uri: a libvirt connection URI, or None for the embedded driver.
        runtimes: further OCI runtimes, the paths by the names of their subjects.
    """

    def __init__(
        self, state: State, uri: str | None = None, runtimes: Mapping[str, str] | None = None
    ) -> None:
        self.runtimes = dict(runtimes or {})
        self.state = state
        self.uri = uri
        self._stack = ExitStack()
        self._copies: dict[Image, Path] = {}
        self._seconds: dict[Image, SecondImage] = {}
        self._published: dict[Image, str] = {}

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._stack.__exit__(kind, error, trace)

    def directory(self, *, volatile: bool = True) -> Path:
        """A scratch directory that goes with the lab; on the disk of the images unless volatile."""
        base = self.state.directory("lab", volatile=volatile)
        return Path(self._stack.enter_context(TemporaryDirectory(dir=base, prefix="tare-")))

    @cached_property
    def scratch(self) -> Path:
        """A directory on the disk of the images for files that are gone in a moment."""
        return self.directory(volatile=False)

    def volume(self, spec: RunSpec) -> Path | None:
        """A new directory of the host's disk for a payload that is to have a volume."""
        return self.directory(volatile=False) if spec.volume else None

    def copy(self, image: Image, *, fresh: bool = False) -> Path:
        """A copy of the image's files for those who write to them, one for all unless it is to be `fresh`."""
        if fresh:
            return copy_files(image.rootfs, self.directory(volatile=False) / "rootfs")
        if image not in self._copies:
            self._copies[image] = self.copy(image, fresh=True)
        return self._copies[image]

    def second(self, image: Image) -> SecondImage:
        """A second image on the base of that one; it is made once."""
        if image not in self._seconds:
            directory = self.directory(volatile=False)
            self._seconds[image] = self.hold(second_image(self.state, image, directory))
        return self._seconds[image]

    def hold(self, resource: AbstractContextManager[_T]) -> _T:
        """Enter a context that ends with the lab, for what only one subject needs."""
        return self._stack.enter_context(resource)

    def settle(self) -> None:
        """Wait until no machine is made behind what comes next, and the kernel is at rest."""
        if "hypervisor" in vars(self):
            self.hypervisor.settle()
        rest()

    def published(self, image: Image) -> str:
        """The image's name in a registry on loopback, where it is brought once.

        Raises:
            Unsupported: no registry is installed, or the image is a mere directory.
        """
        if image not in self._published:
            self._published[image] = publish(self.state, image, self.registry)
        return self._published[image]

    @cached_property
    def registry(self) -> str:
        """Host and port of a registry on loopback."""
        return self.hold(loopback_registry(self.directory(volatile=False)))

    @cached_property
    def engine(self) -> Engine:
        """The container engine with its launcher running."""
        return self._stack.enter_context(Engine(self.state))

    @cached_property
    def network(self) -> Network:
        """One network for containers and machines alike."""
        return self._stack.enter_context(Network(self.state))

    @cached_property
    def hypervisor(self) -> Hypervisor:
        """The open libvirt connection."""
        return self._stack.enter_context(Hypervisor(self.state, self.uri))
