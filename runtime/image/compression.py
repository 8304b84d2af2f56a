"""Layers uncompressed: what packed them is told by their first bytes, and bombs are refused."""

import zlib
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from typing import IO, TYPE_CHECKING, BinaryIO, cast

from tare.errors import ImageError

if TYPE_CHECKING:
    from bz2 import BZ2Decompressor
    from lzma import LZMADecompressor

_INPUT = 256 << 10
_OUTPUT = 1 << 20
_ZSTD_WINDOW = 128 << 20
_XZ_MEMORY = 256 << 20
_GZIP_MAGIC = b"\x1f\x8b"
_ZSTD_MAGIC = b"\x28\xb5\x2f\xfd"
_ZSTD_SKIPPABLE = b"\x2a\x4d\x18"
_BZIP2_MAGIC = b"BZh"
_XZ_MAGIC = b"\xfd7zXZ\0"
BROKEN = "it is broken, get it again"
"""What to do with what isn't an archive of the kind it should be."""


@contextmanager
def expecting(what: str) -> Iterator[None]:
    """Say of an archive that is none or damaged what was expected in its place."""
    try:
        yield
    except ImageError as error:
        raise ImageError(error.what, what if error.hint == BROKEN else error.hint) from error


@dataclass(frozen=True)
class Limits:
    """What a layer may grow to.

    Args:
        ratio: bytes unpacked for each packed byte; deflate can reach 1032.
        free_ratio_size: bytes unpacked up to which the ratio does not matter.
        entries: members of the archive.
    """

    ratio: int = 300
    free_ratio_size: int = 1 << 30
    entries: int = 4_000_000


LIMITS = Limits()


class Packed:
    """A file whose first bytes have been looked at, and whose bytes are counted.

    Args:
        file: gzip, zstd, bzip2, xz or plain.
    """

    def __init__(self, file: BinaryIO) -> None:
        self._file = file
        self.head = file.read(_INPUT)
        while 0 < len(self.head) < 6 and (more := file.read(_INPUT)):
            self.head += more
        self.size = 0
        self.unpack: Callable[[Packed], Iterator[bytes]] | None = None
        """What takes it apart; None when it is plain."""
        if self.head.startswith(_GZIP_MAGIC):
            self.unpack = _gunzip
        elif self.head.startswith(_ZSTD_MAGIC) or self.head[1:4] == _ZSTD_SKIPPABLE:
            self.unpack = _unzstd
        elif self.head.startswith(_BZIP2_MAGIC):
            self.unpack = _unbzip2
        elif self.head.startswith(_XZ_MAGIC):
            self.unpack = _unxz

    def read(self, size: int = _INPUT) -> bytes:
        """The next bytes."""
        data = self.head or self._file.read(size)
        self.head = b""
        self.size += len(data)
        return data


def uncompressed(source: Packed, limits: Limits) -> Iterator[bytes]:
    """The bytes of a file as they were before it was packed, in pieces of at most 1 MiB.

    Raises:
        ImageError: it is damaged, cut off, or grows beyond the limits.
    """
    if not source.unpack:
        yield from iter(lambda: source.read(_OUTPUT), b"")
        return
    total = 0
    for piece in source.unpack(source):
        total += len(piece)
        if total > limits.free_ratio_size and total > limits.ratio * source.size:
            raise ImageError(
                f"the archive unpacks to more than {limits.ratio} times its size",
                "it is likely meant to fill the disk",
            )
        yield piece


def _gunzip(source: Packed) -> Iterator[bytes]:
    inflate = zlib.decompressobj(zlib.MAX_WBITS | 16)
    data = source.read()
    try:
        while data:
            piece = inflate.decompress(data, _OUTPUT)
            if piece:
                yield piece
            while len(piece) == _OUTPUT and not inflate.unconsumed_tail and not inflate.eof:
                if piece := inflate.decompress(b"", _OUTPUT):
                    yield piece
            data = inflate.unconsumed_tail
            if inflate.eof:
                data = _next_member(inflate.unused_data, source)
                inflate = zlib.decompressobj(zlib.MAX_WBITS | 16) if data else inflate
            data = data or source.read()
    except zlib.error as error:
        raise ImageError(f"the archive is not gzip throughout: {error}", BROKEN) from error
    if not inflate.eof:
        raise ImageError("the archive is cut off", BROKEN)


def _next_member(data: bytes, source: Packed) -> bytes:
    """What follows a member, without the zeros that may pad the file (gzip(1))."""
    while not (data := data.lstrip(b"\0")) and (data := source.read()):
        pass
    return data


def _unzstd(source: Packed) -> Iterator[bytes]:
    import zstandard

    packed = zstandard.ZstdDecompressor(max_window_size=_ZSTD_WINDOW)
    try:
        with packed.stream_reader(
            cast("IO[bytes]", source), read_size=_INPUT, read_across_frames=True
        ) as reader:
            yield from iter(lambda: reader.read(_OUTPUT), b"")
    except zstandard.ZstdError as error:
        raise ImageError(f"the archive is not zstd throughout: {error}", BROKEN) from error


def _unbzip2(source: Packed) -> Iterator[bytes]:
    from bz2 import BZ2Decompressor

    return _streams(source, BZ2Decompressor, "bzip2")


def _unxz(source: Packed) -> Iterator[bytes]:
    import lzma

    return _streams(source, partial(lzma.LZMADecompressor, lzma.FORMAT_XZ, _XZ_MEMORY), "xz")


def _streams(
    source: Packed, begin: "Callable[[], BZ2Decompressor | LZMADecompressor]", name: str
) -> Iterator[bytes]:
    """The bytes of one stream after the other, without zeros that may pad them."""
    from lzma import LZMAError

    inflate, data = begin(), source.read()
    while data or not (inflate.eof or inflate.needs_input):
        try:
            piece = inflate.decompress(data, _OUTPUT)
        except (OSError, LZMAError) as error:
            raise ImageError(f"the archive is not {name} throughout: {error}", BROKEN) from error
        if piece:
            yield piece
        data = b""
        if inflate.eof:
            data = _next_member(inflate.unused_data, source)
            inflate = begin() if data else inflate
        elif inflate.needs_input:
            data = source.read()
    if not inflate.eof:
        raise ImageError("the archive is cut off", BROKEN)
