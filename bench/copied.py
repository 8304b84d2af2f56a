"""Container subjects that know no images: they run a copy of the files."""

from abc import ABC, abstractmethod
from contextlib import AbstractContextManager

from bench.lab import Lab
from bench.peer import Peer
from bench.sizes import container_sizes, tree_bytes
from bench.subject import Availability, Image, Instance, Makeup, Prepared, RunSpec, Unsupported
from results import Kind


class CopiedRoot(ABC):
    """A subject for one of them.

    Args:
        lab: the shared parts.
        name: the subject's.
    """

    kind = Kind.CONTAINER
    accelerator = None
    scenarios = None

    def __init__(self, lab: Lab, name: str) -> None:
        self.name = name
        self._lab = lab
        self._peer = Peer(lab.state, name)

    @abstractmethod
    def availability(self) -> Availability:
        """Usable here, or why not."""

    @abstractmethod
    def start(self, spec: RunSpec) -> Instance:
        """Start and return at once."""

    @abstractmethod
    def makeup(self, spec: RunSpec) -> Makeup:
        """Facts about what such an instance is made of."""

    def prepare(self, image: Image, *, fresh: bool = False) -> Prepared:  # noqa: ARG002 - most can't be deployed
        """A copy of the files is the root, without a copy-on-write layer."""
        return Prepared(image, str(self._lab.copy(image)))

    def pulled(self, image: Image, reference: str) -> AbstractContextManager[Prepared]:
        """That is its caller's."""
        raise Unsupported(
            f"{self.name} pulls no image; its caller has to bring {image.name} from {reference}"
        )

    def sizes(self, image: Image) -> dict[str, int]:
        """Files and the compressed layer."""
        return container_sizes(image, self._lab.scratch)

    def added(self, image: Image) -> int:
        """All of its files: nothing is shared."""
        return tree_bytes(self._lab.second(image).image.rootfs)
