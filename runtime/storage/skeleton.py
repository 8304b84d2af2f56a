"""What every container needs of its root, below its image: without it, mounts would leave marks in its layer.

Docker has a layer for the same between the image and the container. The lowest place does as well, as what
the image has goes before it.
"""

import os
import stat
from dataclasses import replace
from pathlib import Path

from runtime.spec import ContainerSpec
from runtime.storage.protocol import Root
from tare.state import State

_DIRECTORIES = ("etc", "proc", "sys", "dev")
_FILES = ("etc/hostname", "etc/hosts", "etc/resolv.conf")
_LAST = _FILES[-1]
_PLACES = frozenset(f"/{name}" for name in (*_DIRECTORIES, *_FILES))


def apply(state: State, root: Root, spec: ContainerSpec) -> ContainerSpec:
    """The specification of a container with a root; see Root.apply.

    A plain directory gets the places of its mounts when it is started.
    """
    return (root if root.directory else replace(root, lowers=(*root.lowers, _skeleton(state)))).apply(spec)


def is_place(path: str, entry: os.stat_result) -> bool:
    """Whether what is at a path inside has to be there for mounts, and is nothing more."""
    return path in _PLACES and (
        stat.S_ISDIR(entry.st_mode) or (stat.S_ISREG(entry.st_mode) and not entry.st_size)
    )


def _skeleton(state: State) -> Path:
    skeleton = state.data / "skeleton"
    if not (skeleton / _LAST).exists():
        for name in ("", *_DIRECTORIES):
            _made(skeleton / name, 0o755, directory=True)
        for name in _FILES:
            _made(skeleton / name, 0o644)
    return skeleton


def _made(path: Path, mode: int, *, directory: bool = False) -> None:
    # Several may be at it at a time, and the caller's umask isn't to count.
    path.mkdir(parents=True, exist_ok=True) if directory else path.touch()
    path.chmod(mode)
