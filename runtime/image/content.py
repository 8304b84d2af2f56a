"""Content found by its digest: verified before it is visible, safe for several processes."""

import fcntl
import os
from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager, suppress
from pathlib import Path
from typing import BinaryIO

from runtime.image.digest import check_digest, hasher, is_of
from runtime.image.model import DOCUMENT_LIMIT, Descriptor
from tare.errors import ImageError

_BLOCK = 1 << 20
_ANY = "sha256:" + "0" * 64
_AGAIN = "the content is broken, get the image again"
_ROOM = "make room on the disk"


class Writer:
    """One piece of content on its way in; made by Content.write.

    Args:
        file: descriptor of the partial file, at its end.
        expected: what it must turn out to be, or None when its digest is not known yet.
    """

    def __init__(self, file: int, expected: Descriptor | None) -> None:
        self._file = file
        self._expected = expected
        self._hash = hasher(expected.digest if expected else _ANY)
        self.offset = 0
        """Bytes that are there; those of an earlier try need not be written again."""

    @property
    def digest(self) -> str:
        """The digest of what was written so far."""
        return f"{self._hash.name}:{self._hash.hexdigest()}"

    def write(self, data: bytes | bytearray | memoryview) -> int:
        """Add data; the number of bytes taken, which is all.

        Raises:
            ImageError: it is more than there should be, or the disk is full.
        """
        size = len(data)
        if self._expected and self.offset + size > self._expected.size:
            raise ImageError(
                f"{self._expected.digest} is longer than its {self._expected.size} bytes", _AGAIN
            )
        left = memoryview(data)
        try:
            while left:
                left = left[os.write(self._file, left) :]
        except OSError as error:
            raise ImageError(f"can't store an image's content: {error.strerror}", _ROOM) from error
        self._hash.update(data)
        self.offset += size
        return size

    def describe(self, media_type: str) -> Descriptor:
        """A descriptor of what was written so far."""
        return Descriptor(media_type, self.digest, self.offset)

    def skip(self, size: int) -> None:
        """Take the `size` bytes an earlier try left as written."""
        left = size
        while left and (data := os.read(self._file, min(_BLOCK, left))):
            self._hash.update(data)
            left -= len(data)
        self.offset = size - left

    def verify(self) -> None:
        """Check size and digest against what was expected.

        Raises:
            ImageError: they differ.
        """
        expected = self._expected
        if expected and self.offset != expected.size:
            raise ImageError(f"{expected.digest} has {self.offset} bytes instead of {expected.size}", _AGAIN)
        if expected and self.digest != expected.digest:
            raise ImageError(f"content has digest {self.digest} instead of {expected.digest}", _AGAIN)


class Content:
    """Content below one directory: `<algorithm>/<hex>`, and `partial/` what is being written.

    Args:
        directory: is made when missing.
    """

    def __init__(self, directory: Path) -> None:
        self._directory = directory
        self._partial = directory / "partial"
        self._partial.mkdir(parents=True, exist_ok=True, mode=0o700)

    @property
    def scratch(self) -> Path:
        """A directory for temporary files of those who add content."""
        return self._partial

    def path(self, digest: str) -> Path:
        """Where content of a digest is or would be.

        Raises:
            ImageError: that is no digest.
        """
        algorithm, _, value = check_digest(digest).partition(":")
        return self._directory / algorithm / value

    def has(self, digest: str) -> bool:
        """Whether it is here, whole."""
        return self.path(digest).is_file()

    def size(self, digest: str) -> int:
        """Its size in bytes.

        Raises:
            ImageError: it is not here.
        """
        try:
            return self.path(digest).stat().st_size
        except FileNotFoundError as error:
            raise _missing(digest) from error

    def open(self, digest: str) -> BinaryIO:
        """Read it without checking it again.

        Raises:
            ImageError: it is not here.
        """
        try:
            return self.path(digest).open("rb", buffering=0)
        except FileNotFoundError as error:
            raise _missing(digest) from error

    def read(self, descriptor: Descriptor, limit: int = DOCUMENT_LIMIT) -> bytes:
        """All of a small piece, checked.

        Raises:
            ImageError: it is not here, larger than `limit` bytes, or not what the descriptor says.
        """
        if descriptor.size > limit:
            raise ImageError(
                f"{descriptor.digest} has {descriptor.size} bytes, at most {limit} are allowed", _AGAIN
            )
        with self.open(descriptor.digest) as file:
            data = file.read(descriptor.size + 1)
        if len(data) != descriptor.size or not is_of(descriptor.digest, data):
            raise ImageError(f"stored content is not {descriptor.digest} of {descriptor.size} bytes", _AGAIN)
        return data

    def verify(self, digest: str) -> bool:
        """Whether what is stored under a digest has it, read in full."""
        found, buffer = hasher(digest), bytearray(_BLOCK)
        with self.open(digest) as file:
            while size := file.readinto(buffer):  # type: ignore[attr-defined]
                found.update(memoryview(buffer)[:size])
        return f"{found.name}:{found.hexdigest()}" == digest

    @contextmanager
    def write(self, expected: Descriptor | None = None, *, resume: bool = False) -> Iterator[Writer]:
        """Bring content in: when the context ends well it is verified and becomes visible.

        One writer at a time has a digest; others wait for it. What a failed or killed writer of known content
        left is kept for the next one that resumes.

        Args:
            expected: what it has to be; None when it is being made and gets the sha256 digest it has.
            resume: whether to go on where an earlier writer stopped: Writer.offset says where, and equals
                the expected size when nothing is left to write.

        Raises:
            ImageError: it is not what was expected; nothing becomes visible.
        """
        known = expected.digest if expected else ""
        name = check_digest(known).replace(":", "-") if known else f"new-{os.urandom(8).hex()}"
        path = self._partial / name
        with _locked(path) as file:
            writer = Writer(file, expected)
            if expected and resume and self.has(known):
                path.unlink()
                writer.offset = expected.size
                yield writer
                return
            try:
                if resume:
                    writer.skip(min(os.fstat(file).st_size, expected.size if expected else 0))
                os.ftruncate(file, writer.offset)
                yield writer
                writer.verify()
                self._publish(file, path, writer.digest)
            except BaseException:
                # A part of known content can be resumed, as long as it is not all there and wrong.
                if not expected or not 0 < writer.offset < expected.size:
                    path.unlink(missing_ok=True)
                raise

    def put(self, data: bytes, media_type: str) -> Descriptor:
        """Store a document."""
        with self.write() as writer:
            writer.write(data)
        return writer.describe(media_type)

    def remove(self, digest: str) -> None:
        """Remove content; nothing happens when it is not here."""
        self.path(digest).unlink(missing_ok=True)

    def digests(self) -> Iterator[str]:
        """All content that is here, whole."""
        for algorithm in ("sha256", "sha512"):
            with suppress(FileNotFoundError):
                yield from (f"{algorithm}:{path.name}" for path in (self._directory / algorithm).iterdir())

    def partial(self) -> Iterator[Path]:
        """Files of writers, at work or gone."""
        yield from self._partial.iterdir()

    def remove_abandoned(self) -> int:
        """Remove what killed or failed writers left; how many files those were."""
        return sum(map(_remove_abandoned, list(self.partial())))

    def adding(self) -> AbstractContextManager[None]:
        """Held from an image's first content until a name refers to it: nothing is collected meanwhile."""
        return self._lock(fcntl.LOCK_SH)

    def collecting(self) -> AbstractContextManager[None]:
        """Hold this while content nobody refers to is removed."""
        return self._lock(fcntl.LOCK_EX)

    @contextmanager
    def _lock(self, kind: int) -> Iterator[None]:
        file = os.open(self._directory / "lock", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        try:
            fcntl.flock(file, kind)
            yield
        finally:
            os.close(file)

    def _publish(self, file: int, path: Path, digest: str) -> None:
        try:
            os.fsync(file)
            target = self.path(digest)
            target.parent.mkdir(exist_ok=True, mode=0o700)
            path.replace(target)
        except OSError as error:
            raise ImageError(f"can't store an image's content: {error.strerror}", _ROOM) from error


@contextmanager
def _locked(path: Path) -> Iterator[int]:
    """A descriptor of the file that only this writer has, made when missing."""
    while True:
        file = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        try:
            fcntl.flock(file, fcntl.LOCK_EX)
            if _is_at(file, path):
                yield file
                return
        finally:
            os.close(file)


def _remove_abandoned(path: Path) -> bool:
    try:
        file = os.open(path, os.O_RDWR | os.O_CLOEXEC)
    except FileNotFoundError:
        return False
    try:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        if not _is_at(file, path):
            return False
        path.unlink()
    except BlockingIOError:
        return False
    finally:
        os.close(file)
    return True


def _is_at(file: int, path: Path) -> bool:
    """Whether a path still leads to the file that was waited for, which its writer may have moved."""
    try:
        return os.path.samestat(os.fstat(file), path.stat())
    except FileNotFoundError:
        return False


def _missing(digest: str) -> ImageError:
    return ImageError(f"content {digest} is missing", _AGAIN)
