"""Where running machines keep their files, under paths short enough for Unix sockets."""

import os
import secrets
import tempfile
from collections.abc import Iterable
from pathlib import Path

from tare.errors import TareError
from tare.state import PREFIX, State

_LONGEST = 44
"""A socket's path has at most 107 bytes (unix(7)), of which libvirt's part below this takes up to 63."""


def domain_prefix(state: State) -> str:
    """What the name of every domain of this state starts with."""
    return f"{PREFIX}-{state.tag}-"


def run_directory(state: State) -> Path:
    """The state's run directory, by a short link in the temporary directory where its own path is too long.

    Raises:
        TareError: somebody else's file has the link's name.
    """
    target = state.directory(volatile=True)
    if len(os.fsencode(target)) <= _LONGEST:
        return target
    link = link_path(state)
    try:
        link.symlink_to(target)
    except FileExistsError:
        about = link.lstat()
        if about.st_uid != os.geteuid() or not link.is_symlink() or link.readlink() != target:
            raise TareError(f"{link} is in the way", "remove it or choose another TAREBENCH_ROOT") from None
    return link


def link_path(state: State) -> Path:
    """The short link's path, whether there is one or not."""
    return Path(tempfile.gettempdir()) / f"{PREFIX}-{state.tag}"


def open_to_daemon(state: State, files: Iterable[Path]) -> None:
    """Let the QEMU user of a libvirt daemon read files below the state, and write those of instances."""
    run, data = state.run.resolve(), state.data.resolve()
    for path in [file.resolve() for file in files]:
        for root, mode in ((run, 0o666), (data, 0o444)):
            if path.is_relative_to(root):
                path.chmod(path.stat().st_mode | mode)
                for parent in [parent for parent in path.parents if parent.is_relative_to(root)]:
                    parent.chmod(parent.stat().st_mode | 0o111)


def new_directory(state: State, kind: str) -> Path:
    """A new directory `<run>/<kind>/<four hex digits>`."""
    parent = run_directory(state) / kind
    parent.mkdir(exist_ok=True, mode=0o700)
    while True:
        path = parent / secrets.token_hex(2)
        try:
            path.mkdir(mode=0o700)
        except FileExistsError:
            continue
        return path
