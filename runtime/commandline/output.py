"""Prints whatever others' names and labels hold, in whatever encoding the terminal has."""

import codecs
import io
import sys

_NAME = "tarebox"


def accept_everything() -> None:
    """Let standard output take bytes that are no text as they are, and what else it can't encode escaped."""
    codecs.register_error(_NAME, _replace)
    if isinstance(sys.stdout, io.TextIOWrapper):
        sys.stdout.reconfigure(errors=_NAME)


def _replace(error: UnicodeError) -> tuple[str | bytes, int]:
    assert isinstance(error, UnicodeEncodeError)
    # One character at a time, as the next one may be of the other kind.
    error.end = error.start + 1
    try:
        return codecs.lookup_error("surrogateescape")(error)
    except UnicodeError:
        return codecs.lookup_error("backslashreplace")(error)
