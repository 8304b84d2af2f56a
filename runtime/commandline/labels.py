"""Labels and other free text by name, as `--label` and `--opt` take them."""

from collections.abc import Iterable

from tare.errors import UsageError


def labels(texts: Iterable[str]) -> dict[str, str]:
    """Values by key of `KEY=VALUE`; of `KEY` alone an empty one.

    Raises:
        UsageError: a text has no key.
    """
    found = {}
    for text in texts:
        key, _, value = text.partition("=")
        if not key.strip():
            raise UsageError(f"{text!r} has no name", "write KEY=VALUE")
        found[key] = value
    return found
