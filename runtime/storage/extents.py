"""What a file has of its own where filesystems share blocks between files; see fiemap.rst of the kernel."""

import array
import errno
import fcntl
import struct

_FS_IOC_FIEMAP = 0xC020660B
_SYNC = 0x1
_LAST = 0x1
_SHARED = 0x2000
_HEADER = struct.Struct("QQIIII")
_EXTENT = struct.Struct("QQQ16xI12x")
_COUNT = 256
_EVERYTHING = (1 << 64) - 1


def unshared(descriptor: int) -> int | None:
    """Bytes of a file that no other shares, or None where the filesystem can't tell.

    Raises:
        OSError: the file can't be asked.
    """
    own = start = 0
    while True:
        buffer = array.array("B", _HEADER.pack(start, _EVERYTHING - start, _SYNC, 0, _COUNT, 0))
        buffer.frombytes(bytes(_EXTENT.size * _COUNT))
        try:
            fcntl.ioctl(descriptor, _FS_IOC_FIEMAP, buffer)
        except OSError as error:
            if error.errno in (errno.EOPNOTSUPP, errno.ENOTTY):
                return None
            raise
        mapped = _HEADER.unpack_from(buffer)[3]
        for number in range(mapped):
            logical, _, length, flags = _EXTENT.unpack_from(buffer, _HEADER.size + number * _EXTENT.size)
            if not flags & _SHARED:
                own += length
            start = logical + length
            if flags & _LAST:
                return own
        if not mapped:
            return own
