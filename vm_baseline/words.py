"""What a person writes on the command line of `tarevm`, read and checked."""

from tare.errors import UsageError


def positive(text: str, what: str) -> float:
    """A number above zero.

    Raises:
        UsageError: it is none; the message says `what` was wanted.
    """
    try:
        number = float(text)
    except ValueError:
        number = 0
    if not 0 < number < 1_000_000:
        raise UsageError(f"{text!r} is not {what}")
    return number
