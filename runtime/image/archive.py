"""The files of a saved image, in a directory or a tar archive, read without trust."""

import io
import os
import stat
import tarfile
import tempfile
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path, PurePosixPath
from typing import IO, TYPE_CHECKING, BinaryIO, Protocol

from runtime import syscalls
from runtime.image.compression import LIMITS, Packed, expecting, uncompressed
from runtime.image.model import DOCUMENT_LIMIT
from runtime.image.replacing import replacing
from runtime.image.tar_header import Member
from runtime.image.tar_reader import members
from tare.errors import ImageError

if TYPE_CHECKING:
    from _typeshed import WriteableBuffer

_INSIDE = syscalls.RESOLVE_IN_ROOT | syscalls.RESOLVE_NO_MAGICLINKS
_MOST_MEMBERS = 100_000
_MOST_LINKS = 8
_PIECE = 1 << 20
_HINT = "name a directory or archive that `save`, docker, podman or skopeo wrote"


class Reader(Protocol):
    """Files by their names."""

    def has(self, name: str) -> bool:
        """Whether there is such a file."""

    def open(self, name: str) -> BinaryIO:
        """Read one.

        Raises:
            ImageError: there is none, or it is no ordinary file.
        """

    def size(self, name: str) -> int:
        """Its bytes."""


class Writer(Protocol):
    """Takes files by their names."""

    def add(self, name: str, size: int, file: BinaryIO) -> None:
        """Add a file of `size` bytes."""


def read_document(reader: Reader, name: str) -> bytes:
    """All of a small file.

    Raises:
        ImageError: there is none, or it is too large.
    """
    with reader.open(name) as file:
        data = file.read(DOCUMENT_LIMIT + 1)
    if len(data) > DOCUMENT_LIMIT:
        raise ImageError(f"{name} in the archive has more than {DOCUMENT_LIMIT} bytes", _HINT)
    return data


@contextmanager
def reading(source: Path | BinaryIO, scratch: Path) -> Iterator[Reader]:
    """The files of a directory, or of an archive that may be packed and may come from a pipe.

    Args:
        source: what to read.
        scratch: a directory with room for an archive that has to be unpacked first.

    Raises:
        ImageError: it is neither.
    """
    try:
        with ExitStack() as resources:
            if not isinstance(source, Path):
                yield _opened(source, scratch, resources)
            elif source.is_dir():
                root = os.open(source, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
                resources.callback(os.close, root)
                yield _DirectoryReader(root)
            else:
                file = resources.enter_context(source.open("rb", buffering=0))
                yield _opened(file, scratch, resources)
    except OSError as error:
        raise ImageError(f"it can't be read: {error.strerror or error}", _HINT) from error


@contextmanager
def writing(target: Path | BinaryIO, *, directory: bool = False) -> Iterator[Writer]:
    """Write files into a tar archive or a new directory, which appears when all is there.

    Args:
        target: where to; a file object gets an archive.
        directory: whether it becomes a directory.

    Raises:
        ImageError: it can't be written, or the directory exists.
    """
    if not isinstance(target, Path):
        with tarfile.open(fileobj=target, mode="w|", format=tarfile.PAX_FORMAT) as archive:
            yield _ArchiveWriter(archive)
        return
    try:
        if directory:
            with tempfile.TemporaryDirectory(dir=target.parent, prefix=f".{target.name}.") as new:
                Path(new).chmod(0o755)
                yield _DirectoryWriter(Path(new))
                if os.path.lexists(target):
                    raise ImageError(f"{target} exists", "name a new directory")
                Path(new).rename(target)
            return
        with replacing(target) as file, writing(file) as writer:
            yield writer
    except OSError as error:
        raise ImageError(f"can't write {target}: {error.strerror}", "check the path and the disk") from error


def _opened(file: BinaryIO, scratch: Path, resources: ExitStack) -> Reader:
    with expecting(_HINT):
        return _ArchiveReader(resources.enter_context(_plain(file, scratch)))


class _DirectoryReader:
    def __init__(self, root: int) -> None:
        self._root = root

    def has(self, name: str) -> bool:
        try:
            self.open(name).close()
        except ImageError:
            return False
        return True

    def size(self, name: str) -> int:
        with self.open(name) as file:
            return os.fstat(file.fileno()).st_size

    def open(self, name: str) -> BinaryIO:
        try:
            descriptor = syscalls.openat2(self._root, name, os.O_RDONLY | os.O_NONBLOCK, resolve=_INSIDE)
        except (OSError, ValueError) as error:
            raise _missing(name) from error
        if not stat.S_ISREG(os.fstat(descriptor).st_mode):
            os.close(descriptor)
            raise _missing(name)
        return os.fdopen(descriptor, "rb")


class _ArchiveReader:
    def __init__(self, file: int) -> None:
        self._file = file
        self._members: dict[str, tuple[Member, int]] = {}
        source = _Archive(file)
        for member in members(source):
            self._members[_normal(os.fsdecode(member.name))] = member, source.offset
            source.skip(member.size)
            if len(self._members) > _MOST_MEMBERS:
                raise ImageError(f"the saved image has more than {_MOST_MEMBERS} files", _HINT)

    def has(self, name: str) -> bool:
        return self._member(name) is not None

    def size(self, name: str) -> int:
        return self._existing(name)[0].size

    def open(self, name: str) -> BinaryIO:
        member, offset = self._existing(name)
        return io.BufferedReader(_Slice(self._file, offset, member.size), _PIECE)

    def _existing(self, name: str) -> tuple[Member, int]:
        found = self._member(name)
        if found is None:
            raise _missing(name)
        return found

    def _member(self, name: str) -> tuple[Member, int] | None:
        """The ordinary file of a name, through the links docker once put where layers are the same."""
        name = _normal(name)
        for _ in range(_MOST_LINKS):
            found = self._members.get(name)
            if found is None or (found[0].kind == b"0" and found[0].extents is None):
                return found
            kind, link = found[0].kind, os.fsdecode(found[0].link)
            if kind not in (b"1", b"2"):
                return None
            name = _normal(f"{PurePosixPath(name).parent}/{link}" if kind == b"2" else link)
        return None


class _Archive:
    """A tar archive as tar_reader takes it, of which most is passed over."""

    def __init__(self, file: int) -> None:
        self._file = file
        self._end = os.fstat(file).st_size
        self.offset = 0

    def take(self, size: int) -> bytes:
        data = os.pread(self._file, size, self.offset)
        self.offset += len(data)
        return data

    def skip(self, size: int) -> None:
        if size > self._end - self.offset:
            raise ImageError("the saved image is cut off", _HINT)
        self.offset += size


class _Slice(io.RawIOBase):
    """A part of a file."""

    def __init__(self, file: int, offset: int, size: int) -> None:
        self._file = file
        self._offset = offset
        self._left = size

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: "WriteableBuffer") -> int:
        view = memoryview(buffer)[: self._left]
        size = os.preadv(self._file, [view], self._offset) if view else 0
        self._offset += size
        self._left -= size
        return size


class _DirectoryWriter:
    def __init__(self, root: Path) -> None:
        self._root = root

    def add(self, name: str, size: int, file: BinaryIO) -> None:
        path = self._root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        with path.open("xb") as target:
            _copy(file, target, size)


class _ArchiveWriter:
    def __init__(self, archive: tarfile.TarFile) -> None:
        self._archive = archive
        self._directories: set[str] = set()

    def add(self, name: str, size: int, file: BinaryIO) -> None:
        for parent in reversed(PurePosixPath(name).parents[:-1]):
            if str(parent) not in self._directories:
                self._directories.add(str(parent))
                member = tarfile.TarInfo(str(parent))
                member.type, member.mode = tarfile.DIRTYPE, 0o755
                self._archive.addfile(member)
        member = tarfile.TarInfo(name)
        member.size = size
        self._archive.addfile(member, file)


def add_document(writer: Writer, name: str, data: bytes) -> None:
    """Add a small file."""
    writer.add(name, len(data), io.BytesIO(data))


@contextmanager
def _plain(file: BinaryIO, scratch: Path) -> Iterator[int]:
    """A descriptor of the file itself when it is a plain archive on a disk, else of an unpacked copy."""
    if file.seekable():
        head = file.read(512)
        file.seek(0)
        if head[257:262] == b"ustar":
            yield file.fileno()
            return
    with tempfile.TemporaryFile(dir=scratch) as copy:
        for piece in uncompressed(Packed(file), LIMITS):
            copy.write(piece)
        copy.flush()
        yield copy.fileno()


def _copy(source: BinaryIO, target: IO[bytes], size: int) -> None:
    while size and (data := source.read(min(size, _PIECE))):
        target.write(data)
        size -= len(data)


def _normal(name: str) -> str:
    """A name without dots; one that leads upwards ends at the top."""
    return os.path.normpath("/" + name).lstrip("/")


def _missing(name: str) -> ImageError:
    return ImageError(f"the saved image has no file {name[:200]!r}", _HINT)
