# ruff: noqa: PTH103, PTH105, PTH108, PTH110, PTH123 - plain strings and descriptors, as in system calls
"""Compiled seccomp filters on disk, so that a start imports no compiler."""

from __future__ import annotations

import os
import stat
import struct
from _blake2 import blake2b

from runtime import light
from runtime.errors import EngineError

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Sequence
    from pathlib import Path
    from typing import Any

_SOURCES = ("seccomp.py", "seccomp_numbers.py", "bpf.py")
_DEFAULT = "seccomp_profile.json"
_DIGEST_SIZE = 16
_FLAGS = struct.Struct("=I")


def compiled(profile: dict[str, Any], directory: str) -> tuple[bytes, int]:
    """The program and SECCOMP_FILTER_FLAG_* mask for a `linux.seccomp` object; compiled where missing.

    Args:
        profile: the object as its JSON text is parsed.
        directory: where compiled filters are kept; made with mode 0700 if missing.

    Returns:
        An array of struct sock_filter, and the mask.

    Raises:
        ProfileError: the object has no meaning.
        EngineError: the directory is someone else's, or libseccomp is missing.
    """
    return _kept(_key(profile, _SOURCES), directory, lambda: profile)


def program(capabilities: Collection[str], directory: Path) -> bytes:
    """The default filter for a capability set as BPF, an array of struct sock_filter; compiled where missing.

    Raises:
        EngineError: the directory is someone else's, or libseccomp, which knows the call numbers, is missing.
    """

    def profile() -> dict[str, Any]:
        from runtime import seccomp

        return seccomp.profile(capabilities)

    # Kept by what the profile is made from, as making it takes longer than a container's start.
    return _kept(_key(sorted(capabilities), (*_SOURCES, _DEFAULT)), str(directory), profile)[0]


def _kept(key: bytes, directory: str, profile: Callable[[], dict[str, Any]]) -> tuple[bytes, int]:
    """The program and the mask that are kept under a key, from the profile where they aren't."""
    path = f"{directory}/seccomp-{key.hex()}.bpf"
    _own(directory)
    entry = _read(path)
    if entry is None or entry[:_DIGEST_SIZE] != _checksum(key, entry[_DIGEST_SIZE:]):
        from runtime import seccomp

        wanted = profile()
        payload = _FLAGS.pack(seccomp.filter_flags(wanted)) + seccomp.compile_filter(wanted)
        entry = _checksum(key, payload) + payload
        _write(path, entry)
    (flags,) = _FLAGS.unpack_from(entry, _DIGEST_SIZE)
    return entry[_DIGEST_SIZE + _FLAGS.size :], flags


def _key(wanted: object, sources: Sequence[str]) -> bytes:
    digest = blake2b(digest_size=_DIGEST_SIZE)
    digest.update(light.dumps([wanted, os.uname().machine]).encode())
    here = __file__.rpartition("/")[0]
    for source in sources:
        with open(f"{here}/{source}", "rb", buffering=0) as file:
            digest.update(file.readall())
    return digest.digest()


def _checksum(key: bytes, payload: bytes) -> bytes:
    return blake2b(payload, digest_size=_DIGEST_SIZE, key=key).digest()


def _own(directory: str) -> None:
    """Make the directory if it is missing; what another user could fill with programs is not used."""
    try:
        status = os.lstat(directory)
    except FileNotFoundError:
        os.makedirs(directory, 0o700, exist_ok=True)
        status = os.lstat(directory)
    if not stat.S_ISDIR(status.st_mode) or status.st_uid != os.geteuid():
        raise EngineError(f"{directory} is not a directory of this user", "remove it or choose another root")


def _read(path: str) -> bytes | None:
    try:
        descriptor = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC)
    except OSError:
        return None
    with open(descriptor, "rb", buffering=0) as file:
        status = os.fstat(descriptor)
        if not stat.S_ISREG(status.st_mode) or status.st_uid != os.geteuid():
            return None
        return file.readall()


def _write(path: str, entry: bytes) -> None:
    """Put a whole file in its place; where nothing can be written, the next start compiles again."""
    temporary = f"{path}.{os.urandom(4).hex()}"
    try:
        with open(temporary, "xb") as file:
            file.write(entry)
        os.replace(temporary, path)
    except OSError:
        if os.path.exists(temporary):
            os.unlink(temporary)
