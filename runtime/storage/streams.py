"""A container's files as a tar stream, and a tar stream into its files, as `docker cp` has them for `-`."""

import os
import stat
import tarfile
from collections.abc import Iterator
from contextlib import contextmanager
from typing import IO

from runtime.storage import paths, tree
from runtime.storage.copying import existing, explained, inside
from runtime.storage.paths import CopyError
from runtime.storage.protocol import ROOT, Owner

_XATTR = "SCHILY.xattr."


def stream_out(root: int, source: str, sink: IO[bytes], *, follow: bool = False, container: str = "") -> None:
    """Write a file, or a directory with all in it, as a tar stream (PAX), by its last name.

    Args:
        root: descriptor of the container's root.
        source: a path inside.
        sink: where to write, never sought in.
        follow: whether a source that is a symbolic link is followed.
        container: what faults call it.

    Raises:
        CopyError: it is missing or can't be read.
    """
    name = source.rstrip("/").rpartition("/")[2]
    called = inside(source, container)
    with (
        explained(called),
        existing(root, source, called, follow=follow) as origin,
        tarfile.open(fileobj=sink, mode="w|", format=tarfile.PAX_FORMAT) as archive,
    ):
        if not origin.is_directory:
            _add(archive, origin.parent, origin.name, name, {})
            return
        top = "." if name in ("", ".", "..") else name
        linked: dict[tuple[int, int], str] = {}
        with origin.directory() as directory:
            _add(archive, directory, ".", top, linked)
            for path, descriptor, found in tree.walk(directory):
                for entry, _ in found:
                    _add(archive, descriptor, entry, f"{top}/{path}/{entry}".replace("//", "/"), linked)


def stream_in(
    root: int, target: str, source: IO[bytes], *, owner: Owner | None = ROOT, container: str = ""
) -> None:
    """Unpack a tar stream into an existing directory; a symbolic link on the way leads nowhere but inside.

    Args:
        root: descriptor of the container's root.
        target: a directory inside.
        source: an archive, compressed or not, never sought in.
        owner: who owns what is unpacked; None keeps the owners.
        container: what faults call it.

    Raises:
        CopyError: the stream is no archive or names what is outside, or something can't be written.
    """
    called = inside(target, container)
    with explained(f"to {called}"), paths.found(root, target, follow=True) as place:
        if not place.is_directory:
            raise CopyError(f"there is no directory {called}", "make it first")
    try:
        with tarfile.open(fileobj=source, mode="r|*") as archive:
            for member in archive:
                with explained(f"{member.name} to {called}"):
                    _unpack(root, target, archive, member, owner)
    except tarfile.TarError as error:
        raise CopyError(f"the stream is no tar archive: {error}", "check what writes it") from error


def _add(
    archive: tarfile.TarFile, parent: int, entry: str, name: str, linked: dict[tuple[int, int], str]
) -> None:
    status = tree.status(parent, entry)
    if stat.S_ISSOCK(status.st_mode):
        return
    member = tarfile.TarInfo(name)
    member.mode, member.mtime = stat.S_IMODE(status.st_mode), status.st_mtime
    member.uid, member.gid = status.st_uid, status.st_gid
    member.pax_headers = dict(_attributes(parent, entry))
    member.type = _type(status.st_mode)
    if member.type == tarfile.SYMTYPE:
        member.linkname = os.readlink(entry, dir_fd=parent)
    elif member.type in (tarfile.CHRTYPE, tarfile.BLKTYPE):
        member.devmajor, member.devminor = os.major(status.st_rdev), os.minor(status.st_rdev)
    elif member.type == tarfile.REGTYPE:
        key = status.st_dev, status.st_ino
        if key in linked:
            member.type, member.linkname = tarfile.LNKTYPE, linked[key]
        else:
            if status.st_nlink > 1:
                linked[key] = name
            with tree.reading(parent, entry) as content:
                member.size = os.fstat(content.fileno()).st_size
                archive.addfile(member, content)
            return
    archive.addfile(member)


def _attributes(parent: int, entry: str) -> Iterator[tuple[str, str]]:
    for key in tree.attributes(f"/proc/self/fd/{parent}/{entry}"):
        if key.startswith(("user.", "security.capability")):
            yield _XATTR + key, tree.attribute(parent, entry, key).decode("utf-8", "surrogateescape")


def _type(mode: int) -> bytes:
    kinds = {
        stat.S_IFDIR: tarfile.DIRTYPE,
        stat.S_IFLNK: tarfile.SYMTYPE,
        stat.S_IFIFO: tarfile.FIFOTYPE,
        stat.S_IFCHR: tarfile.CHRTYPE,
        stat.S_IFBLK: tarfile.BLKTYPE,
    }
    return kinds.get(stat.S_IFMT(mode), tarfile.REGTYPE)


def _unpack(
    root: int, target: str, archive: tarfile.TarFile, member: tarfile.TarInfo, owner: Owner | None
) -> None:
    with _place(root, target, member.name) as (parent, name):
        if member.isdir():
            tree.make_directory(parent, name)
        elif member.islnk():
            tree.replace(parent, name)
            with _place(root, target, member.linkname) as (other, first):
                os.link(first, name, src_dir_fd=other, dst_dir_fd=parent, follow_symlinks=False)
            return
        elif member.issym():
            tree.replace(parent, name)
            os.symlink(member.linkname, name, dir_fd=parent)
        elif member.isfile():
            tree.replace(parent, name)
            _write(archive, member, parent, name)
        else:
            raise CopyError(f"{member.name} is a device or fifo", "leave it out of the archive")
        with tree.held(parent, name) as made:
            os.chown(made, *(owner or (member.uid, member.gid)))
            if not member.issym():
                os.chmod(made, member.mode & (0o1777 if owner and not member.isdir() else 0o7777))  # noqa: PTH101
            os.utime(made, (member.mtime, member.mtime))


@contextmanager
def _place(root: int, target: str, name: str) -> Iterator[tuple[int, str]]:
    """The directory of a member, made when missing, and its last name."""
    parts = [part for part in name.split("/") if part not in ("", ".")]
    if ".." in parts or name.startswith("/"):
        raise CopyError(f"the archive names {name!r}, which is outside of {target}", "leave that out")
    parent = paths.open_below(root, target, os.O_PATH | os.O_DIRECTORY)
    try:
        reached = target
        for part in parts[:-1]:
            reached = f"{reached}/{part}"
            try:
                following = paths.open_below(root, reached, os.O_PATH | os.O_DIRECTORY)
            except FileNotFoundError:
                os.mkdir(part, 0o755, dir_fd=parent)
                following = paths.open_below(root, reached, os.O_PATH | os.O_DIRECTORY)
            os.close(parent)
            parent = following
        yield parent, parts[-1] if parts else "."
    finally:
        os.close(parent)


def _write(archive: tarfile.TarFile, member: tarfile.TarInfo, parent: int, name: str) -> None:
    content = archive.extractfile(member)
    flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC
    with os.fdopen(os.open(name, flags, 0o600, dir_fd=parent), "wb") as file:
        while content and (part := content.read(1 << 20)):
            file.write(part)
