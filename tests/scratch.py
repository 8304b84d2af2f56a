"""Where tests keep their files: in memory, as making and removing them takes minutes on a disk."""

import atexit
import os
import subprocess
import tempfile
from contextlib import suppress
from pathlib import Path

import psutil

from runtime import syscalls

_ROOM = 8 << 30
"""Bytes of memory that are to be free: two workers fill less than half of them, and machines run beside."""


def choose() -> None:
    """Have this process and those it starts keep theirs there, unless somebody has chosen another place.

    It is mounted for them alone, and so it goes with them, however they end.
    """
    if "TMPDIR" in os.environ or os.geteuid() or psutil.virtual_memory().available < _ROOM:
        return
    place = tempfile.mkdtemp(prefix="t")
    atexit.register(_remove, place)
    # A host may allow none of it.
    with suppress(OSError, subprocess.CalledProcessError):
        syscalls.unshare(syscalls.CLONE_NEWNS)
        subprocess.run(("mount", "--make-rslave", "/"), check=True)
        subprocess.run(("mount", "-t", "tmpfs", "-o", "mode=1777", "tests", place), check=True)
        if is_like_a_disk(Path(place)):
            os.environ["TMPDIR"] = tempfile.tempdir = place


def is_like_a_disk(place: Path) -> bool:
    """Whether its files have attributes of users and direct access, which came to tmpfs(5) with Linux 6.6."""
    try:
        with tempfile.NamedTemporaryFile(dir=place) as file:
            os.setxattr(file.fileno(), "user.tare", b"")
            os.close(os.open(file.name, os.O_RDONLY | os.O_DIRECT))
    except OSError:
        return False
    return True


def _remove(place: str) -> None:
    if os.path.ismount(place):
        subprocess.run(("umount", "--lazy", place), check=True)
    Path(place).rmdir()
