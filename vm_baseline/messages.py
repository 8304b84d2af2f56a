"""What a person is told of a fault: one line."""

import sys

from tare.errors import TareError


def complain(error: TareError | OSError) -> None:
    """Say it on standard error."""
    text = str(error)
    if isinstance(error, OSError) and error.strerror:
        text = f"{error.strerror}: {error.filename or 'the kernel refuses'}"
    print(f"tarevm: {text}", file=sys.stderr, flush=True)
