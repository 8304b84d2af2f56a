"""Copies between the host and a container, running or not, by the rules of `docker cp`."""

import errno
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from runtime.storage import paths, tree
from runtime.storage.paths import CopyError, Found
from runtime.storage.protocol import ROOT, Owner

__all__ = ["CopyError", "copy_in", "copy_out"]

_FULL = (errno.ENOSPC, errno.EDQUOT)


def copy_in(
    root: int, source: str | Path, target: str, *, owner: Owner | None = ROOT, follow: bool = False
) -> None:
    """Copy a file or directory of the host into a container.

    Args:
        root: descriptor of the container's root, from Driver.opened or runtime.storage.paths.running.
        source: a path of the host; with `/.` at its end the contents of a directory.
        target: a path inside; its directory must exist.
        owner: who owns the copies, root inside as a rule; None keeps the owners.
        follow: whether a source that is a symbolic link is followed.

    Raises:
        CopyError: something is missing, in the way, or can't be written.
    """
    with paths.host() as host:
        _copy((host, paths.of_host(source)), (root, target), owner, follow)


def copy_out(
    root: int, source: str, target: str | Path, *, archive: bool = False, follow: bool = False
) -> None:
    """Copy a file or directory out of a container, owned by the caller, or with `archive` as inside.

    Raises:
        CopyError: as for copy_in.
    """
    owner = None if archive else (os.geteuid(), os.getegid())
    with paths.host() as host:
        _copy((root, source), (host, paths.of_host(target)), owner, follow)


def _copy(source: tuple[int, str], target: tuple[int, str], owner: Owner | None, follow: bool) -> None:
    with explained(source[1]), paths.found(*source, follow=follow) as origin:
        if origin.status is None:
            raise CopyError(f"there is no {source[1]}", "check the path")
        with explained(target[1]), paths.found(*target, follow=True) as place:
            _place(origin, source[1], place, target[1], owner)


def _place(origin: Found, source: str, place: Found, target: str, owner: Owner | None) -> None:
    name = source.rstrip("/").rpartition("/")[2]
    if origin.is_directory:
        if place.status and not place.is_directory:
            raise CopyError(f"can't copy a directory over the file {target}", "name a directory")
        if not place.is_directory:
            _copy_directory(origin, place.parent, place.name, owner)
        elif name in ("", ".", ".."):
            with origin.directory() as contents, place.directory() as into:
                tree.copy(contents, into, owner)
        else:
            with place.directory() as into:
                _copy_directory(origin, into, name, owner)
    elif place.is_directory:
        with place.directory() as into:
            tree.copy_entry(origin.parent, origin.name, into, name, owner)
    elif target.endswith("/"):
        raise CopyError(f"there is no directory {target}", "make it first, or leave out the slash")
    else:
        tree.copy_entry(origin.parent, origin.name, place.parent, place.name, owner)


def _copy_directory(origin: Found, parent: int, name: str, owner: Owner | None) -> None:
    with origin.directory() as contents:
        tree.copy_entry(contents, ".", parent, name, owner)
        with tree.directory(parent, name) as into:
            if os.path.samestat(os.fstat(into), os.fstat(contents)):
                raise CopyError("can't copy a directory into itself", "name another place")
            tree.copy(contents, into, owner)
            status = os.fstat(contents)
            os.utime(into, ns=(status.st_atime_ns, status.st_mtime_ns))


@contextmanager
def explained(path: str) -> Iterator[None]:
    """Say for a person what the kernel refused.

    Raises:
        CopyError: for an OSError.
    """
    try:
        yield
    except OSError as error:
        if error.errno in _FULL:
            raise CopyError(f"no space left to copy to {path}", "free some disk space") from error
        what = error.filename if isinstance(error.filename, str) and error.filename not in (".", "") else path
        raise CopyError(f"can't copy {what}: {error.strerror}", "check the path") from error
    except (ValueError, OverflowError) as error:
        raise CopyError(f"can't copy {path!r}: {error}", "check the path") from error
