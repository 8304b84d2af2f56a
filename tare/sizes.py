"""Sizes as Docker takes them (github.com/docker/go-units, RAMInBytes)."""

import re

from tare.errors import UsageError

_SIZE = re.compile(r"(\d+)([kmgt]?)(?:i?b)?", re.IGNORECASE | re.ASCII)


def parse_size(text: str) -> int:
    """Bytes from a size as Docker writes it: digits, and k, m, g or t for powers of 1024.

    Raises:
        UsageError: the text is no size.
    """
    matched = _SIZE.fullmatch(text.strip())
    if not matched or int(matched[1]) == 0 or len(matched[1]) > 18:
        raise UsageError(f"{text!r} is no size", "write bytes or a number with k, m, g or t, such as 64m")
    return int(matched[1]) << (10 * " kmgt".index(matched[2].lower() or " "))
