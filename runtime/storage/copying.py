"""Copies between the host and a container, running or not, by the rules of `docker cp`."""

import errno
import os
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path

from runtime.storage import paths, tree
from runtime.storage.paths import CopyError, Found
from runtime.storage.protocol import ROOT, Owner

__all__ = ["CopyError", "copy_in", "copy_out"]

_FULL = (errno.ENOSPC, errno.EDQUOT)


@dataclass(frozen=True)
class _End:
    """A path below a root, with what a person calls it."""

    root: int
    path: str
    called: str


def copy_in(
    root: int,
    source: str | Path,
    target: str,
    *,
    owner: Owner | None = ROOT,
    follow: bool = False,
    container: str = "",
) -> None:
    """Copy a file or directory of the host into a container.

    Args:
        root: descriptor of the container's root, from Driver.opened or runtime.storage.paths.running.
        source: a path of the host; with `/.` at its end the contents of a directory.
        target: a path inside; its directory must exist.
        owner: who owns the copies, root inside as a rule; None keeps the owners.
        follow: whether a source that is a symbolic link is followed.
        container: what faults call it.

    Raises:
        CopyError: something is missing, in the way, or can't be written.
    """
    with paths.host() as host:
        origin, place = paths.of_host(source), _End(root, target, inside(target, container))
        _copy(_End(host, origin, origin), place, owner, follow)


def copy_out(
    root: int,
    source: str,
    target: str | Path,
    *,
    archive: bool = False,
    follow: bool = False,
    container: str = "",
) -> None:
    """Copy a file or directory out of a container, owned by the caller, or with `archive` as inside.

    Raises:
        CopyError: as for copy_in.
    """
    owner = None if archive else (os.geteuid(), os.getegid())
    with paths.host() as host:
        origin, place = _End(root, source, inside(source, container)), paths.of_host(target)
        _copy(origin, _End(host, place, place), owner, follow)


def inside(path: str, container: str) -> str:
    """What a person calls a path in a container."""
    return f"{path} in the container {container}" if container else path


@contextmanager
def existing(root: int, path: str, called: str, *, follow: bool) -> Iterator[Found]:
    """As paths.found, of something that has to be there.

    Raises:
        CopyError: it isn't.
    """
    with ExitStack() as stack:
        try:
            found = stack.enter_context(paths.found(root, path, follow=follow))
        except FileNotFoundError:
            found = None
        if found is None or found.status is None:
            raise CopyError(f"there is no {called}", "check the path")
        yield found


def _copy(source: _End, target: _End, owner: Owner | None, follow: bool) -> None:
    with (
        explained(f"{source.called} to {target.called}"),
        existing(source.root, source.path, source.called, follow=follow) as origin,
        paths.found(target.root, target.path, follow=True) as place,
    ):
        _place(origin, source, place, target, owner)


def _place(origin: Found, source: _End, place: Found, target: _End, owner: Owner | None) -> None:
    name = source.path.rstrip("/").rpartition("/")[2]
    if origin.is_directory:
        if place.status and not place.is_directory:
            raise CopyError(f"can't copy a directory over the file {target.called}", "name a directory")
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
    elif target.path.endswith("/"):
        raise CopyError(f"there is no directory {target.called}", "make it first, or leave out the slash")
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
def explained(what: str) -> Iterator[None]:
    """Say for a person what the kernel refused to copy.

    Raises:
        CopyError: for an OSError.
    """
    try:
        yield
    except OSError as error:
        if error.errno in _FULL:
            raise CopyError(f"no space left to copy {what}", "free some disk space") from error
        # It may be deep in a directory.
        name = error.filename if isinstance(error.filename, str) and "/" not in error.filename else "."
        where = "" if name == "." or name in what.replace("/", " ").split() else f" at {name}"
        raise CopyError(f"can't copy {what}{where}: {error.strerror}", "check the path") from error
    except (ValueError, OverflowError) as error:
        raise CopyError(f"can't copy {what!r}: {error}", "check the path") from error
