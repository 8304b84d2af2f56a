"""One member of a tar archive: ustar, PAX, GNU (pax(1) of POSIX.1-2017, the GNU tar manual)."""

import os
import struct
from base64 import b64decode
from urllib.parse import unquote_to_bytes
from zlib import adler32

from runtime.image.compression import BROKEN
from tare.errors import ImageError

BLOCK = 512
# name mode uid gid size mtime checksum type link magic+version owner group major minor prefix
_NONE = "it is not a tar archive, or is damaged"
_HEADER = struct.Struct("100s8s8s8s12s12s8sc100s8s64s8s8s155s")
_USTAR = b"ustar\x0000"
_BLANK = 0x20
_HEADER_ONLY = frozenset(b"123456")


class Member:
    """What a header says.

    Attributes:
        kind: the type flag, `0` regular, `1` hard link, `2` symbolic link, `3` and `4` character and block
            device, `5` directory, `6` FIFO, others as the archive has them.
        name: path as written.
        link: target of a link.
        mode: permission bits with set-id and sticky bits.
        uid: owner.
        gid: group.
        size: bytes of data that follow.
        mtime: nanoseconds since the epoch.
        device: device number.
        attributes: extended attributes.
        extents: (offset, size) of each piece of data of a sparse file, or None.
        real_size: size of a sparse file with its holes.
        map_in_data: whether the data begins with the sparse map (GNU's PAX format 1.0).
    """

    __slots__ = (
        "attributes",
        "device",
        "extents",
        "gid",
        "kind",
        "link",
        "map_in_data",
        "mode",
        "mtime",
        "name",
        "real_size",
        "size",
        "uid",
    )

    def __init__(self, block: bytes) -> None:
        fields = _HEADER.unpack_from(block)
        name, mode, uid, gid, size, mtime, checksum, kind, link, magic, _, major, minor, prefix = fields
        if not _sum_fits(block, checksum):
            raise ImageError(_NONE, BROKEN)
        self.name = name.partition(b"\0")[0]
        if magic == _USTAR and prefix[0]:
            self.name = prefix.partition(b"\0")[0] + b"/" + self.name
        self.kind = kind
        if kind in b"\x007":
            self.kind = b"5" if kind == b"\0" and self.name.endswith(b"/") else b"0"
        self.mode = number(mode) & 0o7777
        self.uid, self.gid = number(uid), number(gid)
        self.size = number(size)
        self.mtime = number(mtime) * 1_000_000_000
        self.link = link.partition(b"\0")[0]
        self.device = _device(number(major), number(minor)) if kind in b"34" else 0
        self.attributes: dict[str, bytes] = {}
        self.extents: list[tuple[int, int]] | None = None
        self.real_size, self.map_in_data = 0, False
        if kind == b"S":
            self.kind, self.extents, self.real_size = b"0", sparse_map(block, 386, 4), number(block[483:495])

    def extend(self, records: list[tuple[bytes, bytes]]) -> None:
        """Put the records of a PAX header in the place of what the header has no room for."""
        flat: list[int] = []
        sparse_name = b""
        for key, value in records:
            match key:
                case b"path":
                    self.name = value
                case b"GNU.sparse.name":
                    sparse_name = value
                case b"linkpath":
                    self.link = value
                case b"size" | b"uid" | b"gid":
                    setattr(self, key.decode(), _decimal(value))
                case b"mtime":
                    self.mtime = nanoseconds(value)
                case b"GNU.sparse.size" | b"GNU.sparse.realsize":
                    self.real_size = _decimal(value)
                    self.extents = self.extents or []
                case b"GNU.sparse.major":
                    self.map_in_data = value == b"1"
                case b"GNU.sparse.offset" | b"GNU.sparse.numbytes":
                    flat.append(_decimal(value))
                case b"GNU.sparse.map":
                    flat = [_decimal(part) for part in value.split(b",") if part]
                case _:
                    self._add_attribute(key, value)
        # The path of a sparse file is one for tools that can't read it.
        self.name = sparse_name or self.name
        if flat:
            self.extents = list(zip(flat[::2], flat[1::2], strict=False))

    def _add_attribute(self, key: bytes, value: bytes) -> None:
        """An extended attribute as star or as libarchive writes it; other keys mean nothing here."""
        kind, _, name = key.partition(b".xattr.")
        if kind == b"SCHILY":
            self.attributes[os.fsdecode(name)] = value
        elif kind == b"LIBARCHIVE":
            try:
                decoded = b64decode(value + b"=" * (-len(value) % 4))
            except ValueError as error:
                raise ImageError("an extended attribute of the archive is damaged", BROKEN) from error
            self.attributes.setdefault(os.fsdecode(unquote_to_bytes(name)), decoded)

    def check(self) -> None:
        """Check what the file system could not.

        Raises:
            ImageError: a name or number has no meaning.
        """
        if b"\0" in self.name or b"\0" in self.link:
            raise ImageError(f"a name in the archive has a NUL: {shown(self.name)}", BROKEN)
        if not (0 <= self.uid < 0xFFFFFFFF and 0 <= self.gid < 0xFFFFFFFF):
            raise ImageError(f"the owner of {shown(self.name)} in the archive has no meaning", BROKEN)
        if self.kind[0] in _HEADER_ONLY:
            self.size = 0
        if self.size < 0 or self.real_size < 0:
            raise ImageError(f"the size of {shown(self.name)} in the archive has no meaning", BROKEN)


def number(field: bytes) -> int:
    """A number in octal digits, or with the first bit set in base 256, as GNU tar writes what is too large.

    Raises:
        ImageError: it is neither.
    """
    if field[-1] <= _BLANK:
        try:
            return int(field[:-1], 8)
        except ValueError:
            # Nothing but blanks, several at its end, or what follows.
            pass
    if field[0] & 0x80:
        return int.from_bytes(field, "big", signed=True) + (
            0 if field[0] & 0x40 else 1 << (8 * len(field) - 1)
        )
    digits = field.partition(b"\0")[0].strip() or b"0"
    try:
        return int(digits, 8)
    except ValueError as error:
        raise ImageError(_NONE, BROKEN) from error


def records(data: bytes) -> list[tuple[bytes, bytes]]:
    """The records of a PAX header, `length key=value` and a newline each.

    Raises:
        ImageError: it is damaged.
    """
    found, at = [], 0
    while at < len(data) and data[at]:
        digits, space, _ = data[at : at + 20].partition(b" ")
        end = at + _decimal(digits)
        key, equals, value = data[at + len(digits) + 1 : end - 1].partition(b"=")
        if not space or not equals or end > len(data) or data[end - 1 : end] != b"\n":
            raise ImageError("an extended header of the archive is damaged", BROKEN)
        found.append((key, value))
        at = end
    return found


def nanoseconds(text: bytes) -> int:
    """A decimal number of seconds, in nanoseconds."""
    seconds, _, fraction = text.partition(b".")
    sign = -1 if seconds.startswith(b"-") else 1
    whole = _decimal(seconds.lstrip(b"-") or b"0") * 1_000_000_000
    return sign * (whole + _decimal(fraction[:9].ljust(9, b"0")))


def sparse_map(block: bytes, offset: int, count: int) -> list[tuple[int, int]]:
    """(offset, size) pairs of the old GNU format, up to the first empty one."""
    found = []
    for at in range(offset, offset + 24 * count, 24):
        if not block[at]:
            break
        found.append((number(block[at : at + 12]), number(block[at + 12 : at + 24])))
    return found


def shown(name: bytes) -> str:
    """A name as a message can have it."""
    text = repr(os.fsdecode(name))
    return text if len(text) <= 200 else f"{text[:197]}..."


def _decimal(text: bytes) -> int:
    if not text.isdigit() or len(text) > 20:
        raise ImageError(f"{shown(text[:40])} in the archive's headers is not a number", BROKEN)
    return int(text)


def _device(major: int, minor: int) -> int:
    if not (0 <= major < 1 << 12 and 0 <= minor < 1 << 20):
        raise ImageError(f"the archive has a device {major}:{minor}, which can't be", BROKEN)
    return os.makedev(major, minor)


def _sum_fits(block: bytes, checksum: bytes) -> bool:
    """Whether a block's bytes add up to its checksum, that itself taken as blanks; see tar(5).

    The lower half of Adler-32 (RFC 1950) is the sum of bytes modulo 65521, which half a block can't reach.
    """
    said = number(checksum[:-1] if checksum[-1] <= _BLANK else checksum)
    half = BLOCK // 2
    total = (adler32(block[:half], 0) & 0xFFFF) + (adler32(block[half:], 0) & 0xFFFF)
    if total - sum(checksum) + 8 * _BLANK == said:
        return True
    # Some old writers added up signed bytes.
    total = sum(byte - 256 if byte > 127 else byte for byte in block[:148] + block[156:BLOCK])
    return total + 8 * _BLANK == said
