"""The members of a tar archive, one after the other, with all that may come before their own header."""

from collections.abc import Iterator
from itertools import pairwise
from typing import Protocol

from runtime.image.compression import BROKEN
from runtime.image.tar_header import BLOCK, Member, records, shown, sparse_map
from tare.errors import ImageError

_HEADER_LIMIT = 1 << 20
_NOTHING = bytes(BLOCK)
_LONG = {b"L": b"path", b"K": b"linkpath"}
_EXTENDING = frozenset({b"x", b"X", b"g", *_LONG})


class Source(Protocol):
    """An uncompressed archive, read from the front."""

    def take(self, size: int) -> bytes:
        """The next bytes; fewer only at the end."""

    def skip(self, size: int) -> None:
        """Leave out the next bytes."""


def members(stream: Source) -> Iterator[Member]:
    """Each member, with the stream at the start of its data; Member.size bytes are to be read from it.

    Raises:
        ImageError: the archive is damaged or cut off.
    """
    extended: list[tuple[bytes, bytes]] = []
    while (block := stream.take(BLOCK)) and block != _NOTHING:
        if len(block) < BLOCK:
            raise ImageError("it is not a tar archive, or is cut off", BROKEN)
        member = Member(block)
        if member.kind in _EXTENDING:
            extended = _extended(stream, member, extended)
            continue
        if member.extents is not None and block[482]:
            _more_of_the_map(stream, member.extents)
        if extended:
            member.extend(extended)
            extended = []
        member.check()
        padding = -member.size % BLOCK
        if member.extents is not None:
            if member.map_in_data:
                _map_in_data(stream, member)
            _check_map(member)
        yield member
        if padding:
            stream.skip(padding)
    if extended:
        raise ImageError("the archive is cut off", BROKEN)


def _extended(stream: Source, member: Member, before: list[tuple[bytes, bytes]]) -> list[tuple[bytes, bytes]]:
    """What the next member is told beforehand: by a PAX header, or by GNU's of a long name or link."""
    data = _header_data(stream, member)
    if member.kind == b"g":
        return before
    if member.kind in _LONG:
        key = _LONG[member.kind]
        return [record for record in before if record[0] != key] + [(key, data.partition(b"\0")[0])]
    return records(data)


def _header_data(stream: Source, member: Member) -> bytes:
    if not 0 <= member.size <= _HEADER_LIMIT:
        raise ImageError(
            f"a header in the archive has {member.size} bytes, more than {_HEADER_LIMIT}", BROKEN
        )
    size = member.size + -member.size % BLOCK
    data = stream.take(size)
    if len(data) < size:
        raise ImageError("the archive is cut off", BROKEN)
    return data[: member.size]


def _more_of_the_map(stream: Source, extents: list[tuple[int, int]]) -> None:
    more = True
    while more:
        block = stream.take(BLOCK)
        if len(block) < BLOCK or len(extents) > _HEADER_LIMIT:
            raise ImageError("the map of a sparse file in the archive is damaged", BROKEN)
        extents += sparse_map(block, 0, 21)
        more = bool(block[504])


def _map_in_data(stream: Source, member: Member) -> None:
    """Read the map: the number of entries, then offsets and sizes, a line each (GNU's PAX format 1.0)."""
    text, wanted = b"", 1
    while text.count(b"\n") < wanted:
        block = stream.take(BLOCK)
        member.size -= BLOCK
        text += block
        if len(block) < BLOCK or member.size < 0 or len(text) > _HEADER_LIMIT:
            raise ImageError(
                f"the map of the sparse file {shown(member.name)} in the archive is damaged", BROKEN
            )
        if b"\n" in text:
            wanted = 1 + 2 * _line(text.partition(b"\n")[0])
    numbers = [_line(line) for line in text.split(b"\n")[1:wanted]]
    member.extents = list(zip(numbers[::2], numbers[1::2], strict=True))


def _line(text: bytes) -> int:
    if not text.isdigit() or len(text) > 20:
        raise ImageError("the map of a sparse file in the archive is damaged", BROKEN)
    return int(text)


def _check_map(member: Member) -> None:
    extents = member.extents or []
    ordered = all(first[0] + first[1] <= second[0] for first, second in pairwise(extents))
    inside = all(offset >= 0 and size >= 0 and offset + size <= member.real_size for offset, size in extents)
    if not (ordered and inside and sum(size for _, size in extents) == member.size):
        raise ImageError(f"the map of the sparse file {shown(member.name)} in the archive is damaged", BROKEN)
