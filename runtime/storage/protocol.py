"""What a storage driver does, and what it says about a container's root."""

from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Literal, Protocol

from runtime.spec import ContainerSpec

Kind = Literal["A", "C", "D"]
"""Added, changed, deleted, as `docker diff` has them."""
Owner = tuple[int, int]
"""Ids on the host of the user that is root inside; see ContainerSpec.root_owner."""
ROOT: Owner = (0, 0)


@dataclass(frozen=True, order=True)
class Change:
    """A difference between a container's root and its image.

    Args:
        path: absolute, as seen inside.
        kind: a directory is changed when something in it is.
    """

    path: str
    kind: Kind


@dataclass(frozen=True)
class Root:
    """How a container's root is mounted: either an overlay, or a plain directory that is its alone.

    Args:
        lowers: read-only directories, top first; empty for a plain directory.
        upper: the overlay's writable directory, beside `work`; None for one of the engine's own.
        work: the overlay's own directory on the same filesystem.
        directory: the plain directory.
    """

    lowers: tuple[Path, ...] = ()
    upper: Path | None = None
    work: Path | None = None
    directory: Path | None = None

    @property
    def rootfs(self) -> Path:
        """What ContainerSpec takes as `rootfs`: the plain directory, or the lowest of the overlay."""
        return self.directory or self.lowers[-1]

    def apply(self, spec: ContainerSpec) -> ContainerSpec:
        """The specification of a container with this root; without `upper` what it writes goes with it."""
        is_kept = self.upper is not None or self.directory is not None
        return replace(
            spec,
            rootfs=self.rootfs,
            layers=self.lowers[:-1],
            writable=self.upper.parent if self.upper else None,
            in_place=self.directory is not None,
            on_disk=spec.on_disk or is_kept,
        )


@dataclass(frozen=True)
class Usage:
    """Allocated bytes.

    Args:
        unique: what goes when it is removed.
        shared: what others use as well.
    """

    unique: int
    shared: int = 0


class Driver(Protocol):
    """Layers by chain id (OCI image specification, config.md), and containers' roots over them.

    Safe for several processes at a time. Killed at any moment, one leaves nothing that another takes for a
    layer or a container; `sweep` removes what it had begun.

    Args:
        directory: where everything is kept, of this driver alone.
        name: what mounts on the host are named by, see State.tag.
    """

    name: str
    preference: int
    """Of the usable ones the lowest is chosen."""

    def __init__(self, directory: Path, name: str) -> None: ...

    @staticmethod
    def unusable(directory: Path) -> str:
        """Why this host can't use the driver in an existing directory, one clause; empty when it can."""

    def add_layer(self, chain_id: str, parent: str | None, unpack: Callable[[Path], None]) -> None:
        """Add a layer unless it is there; of several at it at once, one unpacks and the others wait.

        Args:
            chain_id: `sha256:` and hex digits.
            parent: chain id of the layer below, None for the lowest.
            unpack: fills a directory with the layer, whiteouts as the overlay filesystem has them.

        Raises:
            ImageError: there is no such parent, or the disk is full.
            TareError: what `unpack` raises.
        """

    def has_layer(self, chain_id: str) -> bool:
        """Whether the layer is there, whole."""

    def layers(self) -> tuple[str, ...]:
        """Chain ids of all layers."""

    def remove_layer(self, chain_id: str) -> None:
        """Remove a layer; a missing one is no fault.

        Raises:
            ImageError: a layer or container is based on it.
        """

    def image(self, chain_id: str) -> Root:
        """What containers that keep nothing run on, any number at a time.

        Raises:
            ImageError: there is no such layer.
        """

    def create(self, container: str, chain_id: str | None, owner: Owner = ROOT) -> Root:
        """Make a container's root, empty without a chain id.

        Raises:
            ImageError: there is no such layer, the container has a root already, or the disk is full.
        """

    def containers(self) -> tuple[str, ...]:
        """Containers that have a root."""

    def root(self, container: str) -> Root:
        """The root of a container, ready to be started in; mounted first where a process serves it.

        Raises:
            ImageError: it has none.
        """

    def release(self, container: str) -> None:
        """Let go of what `root` mounted, after the container's end."""

    def remove(self, container: str) -> None:
        """Remove a container's root with all in it; a missing one is no fault."""

    def opened(self, container: str) -> AbstractContextManager[int]:
        """A descriptor of the root of a container that doesn't run, for runtime.storage.copying.

        Raises:
            ImageError: it has none.
        """

    def seen(self, container: str) -> AbstractContextManager[int]:
        """A descriptor to read from of the root of a container, which may run, without what is mounted in it.

        Raises:
            ImageError: it has none.
        """

    def changes(self, container: str) -> Iterator[Change]:
        """What differs from the image, in order of paths.

        Raises:
            ImageError: it has no root.
        """

    def difference(self, container: str) -> AbstractContextManager[Path]:
        """The changes as a directory with overlay whiteouts, which runtime.image.pack makes a layer of.

        Raises:
            ImageError: it has no root, or the disk is full.
        """

    def layer_bytes(self, chain_id: str) -> int:
        """Allocated bytes of a layer, those below not counted; 0 when missing."""

    def container_bytes(self, container: str) -> int:
        """Allocated bytes of what a container changed; 0 when missing."""

    def check(self) -> list[str]:
        """What is wrong with layers and roots on the disk, one line each; nothing in a consistent store."""

    def sweep(self) -> list[str]:
        """Remove what killed processes had begun; what it removed, one line each."""
