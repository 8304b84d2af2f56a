"""Digests of content (OCI image specification, descriptor.md, "Digests")."""

import re
from typing import TYPE_CHECKING

from tare.errors import ImageError
from tare.hashing import sha256

if TYPE_CHECKING:
    from hashlib import _Hash as Hash

_DIGEST = re.compile(r"sha256:[0-9a-f]{64}|sha512:[0-9a-f]{128}")


def check_digest(digest: str) -> str:
    """The digest itself, fit to be part of a path.

    Raises:
        ImageError: it is neither `sha256:` and 64 nor `sha512:` and 128 lower case hex digits.
    """
    if not _DIGEST.fullmatch(digest):
        raise ImageError(f"{digest[:140]!r} is not a digest", "a digest is sha256: and 64 hex digits")
    return digest


def hasher(digest: str) -> "Hash":
    """A new hash object of a digest's algorithm."""
    import hashlib

    return hashlib.new(check_digest(digest).partition(":")[0])


def digest_of(data: bytes) -> str:
    """The sha256 digest of a few bytes."""
    return f"sha256:{sha256(data).hexdigest()}"


def is_of(digest: str, data: bytes) -> bool:
    """Whether a digest is that of a few bytes."""
    if digest.startswith("sha256:"):
        return digest_of(data) == digest
    found = hasher(digest)
    found.update(data)
    return digest == f"{found.name}:{found.hexdigest()}"
