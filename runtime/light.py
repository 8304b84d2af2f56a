"""The C halves of standard modules whose Python halves cost a start several milliseconds each.

`json` imports `re`, `signal` and `socket` import `enum`; their C halves load in a tenth of a millisecond and
do all that a start needs. Everything here is also in CPython's own public modules, under the same names.
"""

from __future__ import annotations

import _signal as signal  # type: ignore[import-not-found]
import _socket as socket
from _json import encode_basestring_ascii, make_encoder, make_scanner

__all__ = ["dumps", "loads", "signal", "socket"]

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

_BLANK = " \t\r\n"


class _Context:
    """What the scanner asks its decoder for; see json.JSONDecoder."""

    strict = True
    object_hook = None
    object_pairs_hook = None
    parse_float = float
    parse_int = int
    memo: dict[str, str] = {}  # noqa: RUF012 - the scanner's own

    @staticmethod
    def parse_constant(name: str) -> None:
        raise ValueError(f"{name} is not JSON")


def _refuse(value: object) -> None:
    raise TypeError(f"{value!r} can't be in a JSON text")


_scan = make_scanner(_Context())  # type: ignore[arg-type]
_encode = make_encoder(None, _refuse, encode_basestring_ascii, None, ": ", ",", False, False, True)


def loads(text: str) -> Any:
    """The value of a JSON text (RFC 8259).

    Raises:
        ValueError: it is none; the message says where.
        RecursionError: it is nested too deep.
    """
    start = len(text) - len(text.lstrip(_BLANK))
    try:
        value, end = _scan(text, start)
    except StopIteration as stopped:
        raise ValueError(f"no value at character {stopped.value}") from None
    except SystemError:
        # It wants to raise the JSONDecodeError of a package that isn't there.
        from json import loads as explain

        return explain(text)
    if text[end:].strip(_BLANK):
        raise ValueError(f"more than one value, at character {end}")
    return value


def dumps(value: Any) -> str:
    """The value as a JSON text on one line.

    Raises:
        TypeError: something in it has no place there.
    """
    return "".join(_encode(value, 0))
