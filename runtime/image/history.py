"""How an image came to be, newest first, as `docker history` shows it."""

from dataclasses import dataclass

from runtime.image.config import History, ImageConfig
from runtime.image.model import Descriptor, Manifest


@dataclass(frozen=True)
class Step:
    """One step.

    Args:
        created: RFC 3339 time, may be empty.
        created_by: the command.
        comment: free text.
        layer: what it added, None when it changed no file.
    """

    created: str
    created_by: str
    comment: str
    layer: Descriptor | None

    @property
    def size(self) -> int:
        """Bytes of the packed layer."""
        return self.layer.size if self.layer else 0


def history(manifest: Manifest, config: ImageConfig) -> tuple[Step, ...]:
    """The steps of an image; layers that its history leaves out get a step that says nothing."""
    layers = list(manifest.layers)
    told = [entry for entry in config.history if not entry.empty_layer]
    entries = [*config.history, *[History()] * (len(layers) - len(told))]
    steps = [
        Step(
            entry.created,
            entry.created_by,
            entry.comment,
            None if entry.empty_layer or not layers else layers.pop(0),
        )
        for entry in entries
    ]
    return tuple(reversed(steps))
