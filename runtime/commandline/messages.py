"""What a person is told of a fault: one line."""

import sys
from contextlib import suppress

from tare.errors import TareError


def complain(error: TareError | OSError | str) -> None:
    """Say it on standard error."""
    # What can't be written there is what is complained of, or less.
    with suppress(OSError):
        sys.stdout.flush()
    print(f"tarebox: {_line(error)}", file=sys.stderr, flush=True)


def warn(text: str) -> None:
    """Say on standard error what is done otherwise than asked."""
    print(f"tarebox: warning: {text}", file=sys.stderr, flush=True)


def _line(error: TareError | OSError | str) -> str:
    if isinstance(error, OSError) and error.strerror:
        text = f"{error.strerror}: {error.filename or 'the kernel refuses'}"
    else:
        text = str(error)
    return " ".join(text.splitlines())
