"""What `tarebox doctor` finds out, one check at a time."""

from collections.abc import Callable
from typing import NamedTuple

from tare.errors import TareError


class Check(NamedTuple):
    """One finding; `line` says it to a person."""

    name: str
    ok: bool
    line: str


class MissingError(Exception):
    """What is checked isn't there; its text is the line."""


def check(name: str, probe: Callable[[], str]) -> Check:
    """Carry out a check.

    Args:
        name: of the check.
        probe: returns the line, or raises what stands against it.
    """
    try:
        return Check(name, True, probe())
    except (MissingError, TareError) as missing:
        return Check(name, False, str(missing))
    except OSError as error:
        where = f" ({error.filename})" if error.filename else ""
        return Check(name, False, f"{name}: {error.strerror or error}{where}")
