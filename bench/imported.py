"""Images that a harness has put into tarebox's store for its own use."""

import os

import psutil

from runtime.commandline.images import removal
from runtime.image.store import ImageStore
from tare.state import State

NAME = "tarebench/image"
"""What engines call what they are given; a tag each."""


def new_name() -> str:
    """A name that tells whose it is."""
    return f"{NAME}:{os.getpid()}-{os.urandom(6).hex()}"


def discard(state: State) -> list[str]:
    """Remove ours, and those of harnesses that were killed, from the store; a line for each."""
    lines = []
    for image in ImageStore(state).list():
        for name in image.names:
            _, found, tag = name.rpartition(f"{NAME}:")
            owner = tag.partition("-")[0]
            if found and owner.isdecimal() and not _is_anothers(int(owner)):
                removal(state).remove(name, force=True)
                lines.append(f"image {name}")
    return lines


def _is_anothers(pid: int) -> bool:
    return pid != os.getpid() and psutil.pid_exists(pid)
