"""A layer's bytes as they are unpacked and hashed by other threads, at the reader's pace."""

import hashlib
import os
import queue
import threading
from collections.abc import Callable, Iterator
from typing import BinaryIO

from runtime.image.compression import BROKEN, Limits, Packed, uncompressed
from tare.errors import ImageError

_AHEAD = 8
_CUT = ImageError("the archive is cut off", BROKEN)


class LayerStream:
    """The uncompressed layer, read once from the front to the end.

    Args:
        file: gzip, zstd, bzip2, xz or plain.
        limits: what it may grow to.
        copy: is given all that is read, uncompressed.

    Raises:
        ImageError: the file can't be read.
    """

    def __init__(
        self, file: BinaryIO, limits: Limits, *, copy: Callable[[bytes], object] | None = None
    ) -> None:
        self._copy = copy
        self._pieces: queue.Queue[bytes | None] = queue.Queue(_AHEAD)
        self._unhashed: queue.Queue[bytes | None] = queue.Queue(_AHEAD)
        self._hash = hashlib.sha256()
        self._failure: Exception | None = None
        self._stopped = self._ended = False
        self._view = memoryview(b"")
        self.size = 0
        """Bytes uncompressed so far, ahead of the reader."""
        try:
            source = Packed(file)
        except OSError as error:
            raise _unreadable(error) from error
        # A plain layer is hashed where it is read: the fewer threads, the fewer waits for a turn.
        self._plain = source.unpack is None
        self._threads = (
            threading.Thread(target=self._unpack, args=(uncompressed(source, limits),), name="tare-unpack"),
            threading.Thread(target=self._digest, name="tare-digest"),
        )
        for thread in self._threads:
            thread.start()

    def take(self, size: int) -> bytes:
        """The next bytes; fewer only at the end.

        Raises:
            ImageError: the file is damaged.
        """
        if size <= len(self._view):
            data, self._view = self._view[:size].tobytes(), self._view[size:]
            return data
        parts = list(self.pieces(size, partial=True))
        return b"".join(parts)

    def pieces(self, size: int, *, partial: bool = False) -> Iterator[memoryview]:
        """The next bytes as they lie in memory.

        Args:
            size: how many.
            partial: whether the file may end before.

        Raises:
            ImageError: the file is damaged or ends before.
        """
        while size:
            if not self._view and not self._next():
                if partial:
                    return
                raise _CUT
            piece = self._view[:size]
            self._view = self._view[size:]
            size -= len(piece)
            yield piece

    def skip(self, size: int) -> None:
        """Leave out the next bytes."""
        if size <= len(self._view):
            self._view = self._view[size:]
            return
        for _ in self.pieces(size):
            pass

    def finish(self) -> str:
        """Read to the end; the sha256 digest of all that was read."""
        while self._next():
            pass
        for thread in self._threads:
            thread.join()
        return f"sha256:{self._hash.hexdigest()}"

    def close(self) -> None:
        """End the threads, wherever they are."""
        self._stopped = True
        while not self._ended:
            self._ended = self._pieces.get() is None
        for thread in self._threads:
            thread.join()

    def _next(self) -> bool:
        if self._ended:
            return False
        piece = self._pieces.get()
        if piece is None:
            self._ended = True
            if self._failure:
                raise self._failure
            return False
        if self._copy:
            self._copy(piece)
        self._view = memoryview(piece)
        return True

    def _unpack(self, pieces: Iterator[bytes]) -> None:
        try:
            for piece in pieces:
                self.size += len(piece)
                if not self._plain:
                    self._unhashed.put(piece)
                self._pieces.put(piece)
                if self._plain:
                    self._hash.update(piece)
                if self._stopped:
                    break
        except ImageError as error:
            self._failure = error
        except OSError as error:
            self._failure = _unreadable(error)
        finally:
            self._unhashed.put(None)
            self._pieces.put(None)

    def _digest(self) -> None:
        while (piece := self._unhashed.get()) is not None:
            self._hash.update(piece)


def _unreadable(error: OSError) -> ImageError:
    return ImageError(f"can't read the archive: {os.strerror(error.errno or 0)}", "check the disk")
