"""Where tests keep their files: in memory, as making and removing them takes minutes on a disk."""

import os
import tempfile
from pathlib import Path

MEMORY = Path("/dev/shm")
_ROOM = 6 << 30
"""Bytes that two workers need at most, and then some."""
_LESS_THAN_A_DISK = os.ST_NOSUID | os.ST_NODEV | os.ST_NOEXEC


def is_like_a_disk(place: Path) -> bool:
    """Whether there is room, and all that a disk's file system has, such as devices and attributes."""
    try:
        about = os.statvfs(place)
        with tempfile.NamedTemporaryFile(dir=place) as file:
            # On a tmpfs(5) both since Linux 6.6.
            os.setxattr(file.fileno(), "user.tare", b"")
            os.close(os.open(file.name, os.O_RDONLY | os.O_DIRECT))
    except OSError:
        return False
    return about.f_bavail * about.f_frsize >= _ROOM and not about.f_flag & _LESS_THAN_A_DISK


def choose() -> None:
    """Have this process and those it starts use it, unless somebody has chosen another place."""
    if "TMPDIR" not in os.environ and is_like_a_disk(MEMORY):
        os.environ["TMPDIR"] = tempfile.tempdir = str(MEMORY)
