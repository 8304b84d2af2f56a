"""Copying what a directory of the image holds into the tmpfs that is to cover it (mount option tmpcopyup)."""

from __future__ import annotations

import os
import stat


def copy(source: int, target: int) -> None:
    """Copy a directory's content with owners, modes, times and extended attributes; links are not followed.

    Args:
        source: descriptor of the directory.
        target: descriptor of an empty directory, which keeps its own mode.
    """
    opened = os.open(".", os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC, dir_fd=source)
    place = os.open(".", os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC, dir_fd=target)
    try:
        for name in os.listdir(opened):
            _copy(name, opened, place)
        status = os.fstat(opened)
        os.chown(place, status.st_uid, status.st_gid)
    finally:
        os.close(opened)
        os.close(place)


def _copy(name: str, source: int, target: int) -> None:
    status = os.stat(name, dir_fd=source, follow_symlinks=False)
    if stat.S_ISLNK(status.st_mode):
        os.symlink(os.readlink(name, dir_fd=source), name, dir_fd=target)
        os.chown(name, status.st_uid, status.st_gid, dir_fd=target, follow_symlinks=False)
    elif stat.S_ISDIR(status.st_mode):
        os.mkdir(name, dir_fd=target)
        _descend(name, source, target)
    elif stat.S_ISREG(status.st_mode):
        _file(name, source, target, status)
    else:
        os.mknod(name, status.st_mode, status.st_rdev, dir_fd=target)
        os.chown(name, status.st_uid, status.st_gid, dir_fd=target)


def _descend(name: str, source: int, target: int) -> None:
    flags = os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC
    below, place = os.open(name, flags, dir_fd=source), os.open(name, flags, dir_fd=target)
    try:
        copy(below, place)
        _attributes(below, place, os.fstat(below))
    finally:
        os.close(below)
        os.close(place)


def _file(name: str, source: int, target: int, status: os.stat_result) -> None:
    given = os.open(name, os.O_RDONLY | os.O_NOFOLLOW | os.O_CLOEXEC, dir_fd=source)
    made = os.open(name, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600, dir_fd=target)
    try:
        while os.sendfile(made, given, None, 1 << 20):
            pass
        _attributes(given, made, status)
    finally:
        os.close(given)
        os.close(made)


def _attributes(source: int, target: int, status: os.stat_result) -> None:
    os.chown(target, status.st_uid, status.st_gid)
    os.chmod(target, stat.S_IMODE(status.st_mode))
    for name in os.listxattr(source):
        if name.startswith(("user.", "security.capability")):
            os.setxattr(target, name, os.getxattr(source, name))
    os.utime(target, ns=(status.st_atime_ns, status.st_mtime_ns))
