"""Signals as people write them."""

# Its C half: `signal` imports `enum`, which costs a start milliseconds.
import _signal  # type: ignore[import-not-found]

from tare.errors import UsageError


def signal_number(text: str) -> int:
    """A signal from its number or name, with or without SIG.

    Raises:
        UsageError: there is none.
    """
    if text.isdecimal() and int(text) in _signal.valid_signals():
        return int(text)
    name = "SIG" + text.upper().removeprefix("SIG")
    # Those with an underscore, such as SIG_BLOCK, are no signals.
    found = None if name.startswith("SIG_") else getattr(_signal, name, None)
    if found is None:
        raise UsageError(f"invalid signal: {text}", "see signal(7)")
    return int(found)
