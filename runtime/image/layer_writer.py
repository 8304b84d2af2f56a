"""A layer on its way into the content: compressed by another thread, both its digests made in one pass."""

import hashlib
import queue
import threading
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Literal, Protocol

from runtime.image.content import Content, Writer
from runtime.image.model import OCI_LAYER, Descriptor
from tare.errors import ImageError

Compression = Literal["gzip", "zstd", "none"]
_GZIP_LEVEL = 6
_ZSTD_LEVEL = 3
_AHEAD = 8
_PIECE = 1 << 20


class _Compressor(Protocol):
    def compress(self, data: bytes, /) -> bytes: ...
    def flush(self) -> bytes: ...


class LayerWriter:
    """Takes a layer's uncompressed bytes; made by `layer_writer`.

    Args:
        writer: where the compressed ones go.
        compression: how.
    """

    def __init__(self, writer: Writer, compression: Compression) -> None:
        self._writer = writer
        self._compression = compression
        self._hash = hashlib.sha256()
        self._buffer = bytearray()
        self._pieces: queue.Queue[bytes | None] = queue.Queue(_AHEAD)
        self._failure: ImageError | None = None
        self._thread = threading.Thread(target=self._compress, name="tare-compress")
        self._thread.start()
        self.size = 0
        """Uncompressed bytes."""

    def write(self, data: bytes | memoryview) -> int:
        """Add data; the number of bytes taken, which is all.

        Raises:
            ImageError: the disk is full.
        """
        self._buffer += data
        if len(self._buffer) >= _PIECE:
            self._pass_on()
        return len(data)

    def finish(self) -> None:
        """Wait until all is compressed.

        Raises:
            ImageError: the disk is full.
        """
        self._pass_on()
        self.close()
        if self._failure:
            raise self._failure

    def close(self) -> None:
        """End the thread."""
        if self._thread.is_alive():
            self._pieces.put(None)
            self._thread.join()

    @property
    def diff_id(self) -> str:
        """The digest of the uncompressed layer."""
        return f"sha256:{self._hash.hexdigest()}"

    @property
    def descriptor(self) -> Descriptor:
        """What the content has, once the context has ended."""
        suffix = "" if self._compression == "none" else f"+{self._compression}"
        return self._writer.describe(OCI_LAYER + suffix)

    def _pass_on(self) -> None:
        if self._failure:
            raise self._failure
        piece = bytes(self._buffer)
        self._buffer.clear()
        self._hash.update(piece)
        self.size += len(piece)
        self._pieces.put(piece)

    def _compress(self) -> None:
        compressor = _compressor(self._compression)
        while (piece := self._pieces.get()) is not None:
            if not self._failure:
                self._store(compressor.compress(piece) if compressor else piece)
        if compressor and not self._failure:
            self._store(compressor.flush())

    def _store(self, data: bytes) -> None:
        try:
            self._writer.write(data)
        except ImageError as error:
            self._failure = error


@contextmanager
def layer_writer(content: Content, compression: Compression = "gzip") -> Iterator[LayerWriter]:
    """Write a layer into the content; it is there when the context ends well.

    Raises:
        ImageError: the disk is full.
    """
    with content.write() as writer:
        layer = LayerWriter(writer, compression)
        try:
            yield layer
            layer.finish()
        finally:
            layer.close()


def _compressor(compression: Compression) -> _Compressor | None:
    if compression == "gzip":
        # Its header has no time and no name, so the same bytes come out each time.
        return zlib.compressobj(_GZIP_LEVEL, zlib.DEFLATED, zlib.MAX_WBITS | 16)
    if compression == "zstd":
        import zstandard

        return zstandard.ZstdCompressor(level=_ZSTD_LEVEL, write_checksum=True).compressobj()
    return None
