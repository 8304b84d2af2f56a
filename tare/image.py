"""An image as those see it who care for its files and what it says, and not for where it is kept.

The container side has the images and the machines run them, and neither knows the other: whoever has images
offers an `ImageSource` as an entry point of the group `tarebench.images`.
"""

from collections.abc import Callable
from contextlib import AbstractContextManager
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from tare.state import State

GROUP = "tarebench.images"
"""The entry points' group; see the packaging specification "Entry points"."""


@dataclass(frozen=True)
class RootImage:
    """An image's files, and how its program is to be run (OCI image-spec, config.md).

    Args:
        name: as people call it.
        rootfs: a directory of its files, which nobody may write to.
        digest: names its content; None for a mere directory.
        architecture: GOARCH, as amd64; empty where it isn't known.
        entrypoint: what comes before the command.
        cmd: the default command, or the entry point's default arguments.
        env: `NAME=value` entries.
        user: `user[:group]`, names or numbers.
        workdir: an absolute path, or empty.
    """

    name: str
    rootfs: Path
    digest: str | None = None
    architecture: str = ""
    entrypoint: tuple[str, ...] = ()
    cmd: tuple[str, ...] = ()
    env: tuple[str, ...] = ()
    user: str = ""
    workdir: str = ""


class ImageSource(Protocol):
    """Whoever has images."""

    def __call__(
        self,
        state: State,
        name: str,
        platform: str = "",
        pull: str = "never",
        tell: Callable[[str], object] = lambda _: None,
    ) -> AbstractContextManager[RootImage]:
        """An image by its name; its files stay while the context lasts.

        Args:
            state: where images are.
            name: any of its names.
            platform: `os/architecture[/variant]` or the architecture alone; empty for the host's, or the only
                one that is there.
            pull: whether it is brought from its registry: `always`, `missing` or `never`.
            tell: called with a line for a person when that is done.

        Raises:
            ImageError: there is none, it is broken, or for another platform.
            TareError: its registry fails or has none.
        """
