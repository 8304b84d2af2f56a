"""Bars for a person who waits for an image to come or go."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

from runtime.image.model import Descriptor
from runtime.image.registry_upload import Progress

if TYPE_CHECKING:
    from rich.console import Console

_SHOWN_DIGITS = 12


@contextmanager
def bars(console: "Console | None" = None) -> Iterator[Progress]:
    """A bar for each blob, drawn while the context lasts; for `progress` of pull and push.

    Args:
        console: where to; standard error when None. One that is no terminal shows nothing.
    """
    from rich import progress
    from rich.console import Console

    console = console or Console(stderr=True)
    columns = (
        progress.TextColumn("{task.description}"),
        progress.BarColumn(),
        progress.DownloadColumn(binary_units=True),
        progress.TransferSpeedColumn(),
    )
    with progress.Progress(*columns, console=console, disable=not console.is_terminal) as shown:
        tasks: dict[str, progress.TaskID] = {}

        def tell(blob: Descriptor, done: int) -> None:
            if blob.digest not in tasks:
                name = blob.digest.partition(":")[2][:_SHOWN_DIGITS]
                tasks.setdefault(blob.digest, shown.add_task(name, total=blob.size))
            shown.update(tasks[blob.digest], completed=done)

        yield tell
