"""SHA-256 of a few bytes without OpenSSL, which takes as long to load as ten of our modules.

`random` does so, too.
"""

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from hashlib import sha256
else:
    try:
        from _sha256 import sha256
    except ImportError:
        from hashlib import sha256

__all__ = ["sha256"]
