"""`tarebox-oci stats`: print the statistics of a container once."""

from __future__ import annotations

from runtime.oci.commands import events

TYPE_CHECKING = False
if TYPE_CHECKING:
    from runtime.oci.cli import Options


def run(options: Options, words: list[str]) -> int:
    """Print what `events --stats` does.

    Raises:
        OciError: there is no such container, or it is not running.
    """
    return events.run(options, ["--stats", *words])
