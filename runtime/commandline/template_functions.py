"""The functions of templates: those of Go, and those Docker adds."""

import json
import re
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from tare.errors import UsageError

_VERB = re.compile(r"%([-+# 0]*)(\d*)(?:\.(\d+))?([a-zA-Z%])")


class TemplateError(UsageError):
    """A format is no template, or doesn't fit what it is used on."""


def text(value: Any) -> str:
    """A value as Go prints it with %v."""
    if isinstance(value, str):
        return value
    if value is None:
        return "<no value>"
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, Mapping):
        return f"map[{' '.join(f'{key}:{text(value[key])}' for key in sorted(value, key=str))}]"
    if isinstance(value, Sequence):
        return f"[{' '.join(map(text, value))}]"
    return f"{value:g}" if isinstance(value, float) else str(value)


def to_json(value: Any) -> str:
    """A value as compact JSON."""
    return json.dumps(value, separators=(",", ":"), ensure_ascii=False, default=str)


def _index(value: Any, *keys: Any) -> Any:
    for key in keys:
        if isinstance(value, Mapping):
            value = value.get(key, "")
        elif isinstance(key, int) and not isinstance(key, bool) and 0 <= key < len(value):
            value = value[key]
        else:
            raise TemplateError(f"there is no element {text(key)} in {text(value)[:40]!r}")
    return value


def _slice(value: Any, *bounds: int) -> Any:
    start, end, *more = (*bounds, *(0, len(value))[len(bounds) :])
    if more or not 0 <= start <= end <= len(value):
        raise ValueError("out of range")
    return value[start:end]


def _printf(form: str, *values: Any) -> str:
    rest = iter(values)

    def fill(found: re.Match[str]) -> str:
        flags, width, precision, verb = found.groups()
        if verb == "%":
            return "%"
        try:
            value = next(rest)
        except StopIteration:
            return f"%!{verb}(MISSING)"
        if len(width) > 4 or len(precision or "") > 4:
            raise ValueError("a width of more than 9999")
        number = isinstance(value, int | float) and not isinstance(value, bool)
        if number and verb in "dxXofeEgG":
            point = f".{precision}" if precision and verb in "feEgG" else ""
            return str(f"%{flags}{width}{point}{verb}" % value)
        shown = to_json(text(value)) if verb == "q" else text(value)
        shown = shown[: int(precision)] if precision else shown
        return shown.ljust(int(width or 0)) if "-" in flags else shown.rjust(int(width or 0))

    filled = _VERB.sub(fill, form)
    extra = "".join(f"{text(value)}" for value in rest)
    return f"{filled}%!(EXTRA {extra})" if extra else filled


def _print(*values: Any) -> str:
    return "".join(map(text, values))


def _println(*values: Any) -> str:
    return " ".join(map(text, values)) + "\n"


def _equal(first: Any, *others: Any) -> bool:
    if not others:
        raise TypeError("it needs two values")
    return first in others


def _truncate(value: str, length: int) -> str:
    return value[: max(length, 0)]


def _pad(value: str, before: int, after: int) -> str:
    if max(before, after) > 9999:
        raise ValueError("a width of more than 9999")
    return f"{' ' * before}{value}{' ' * after}" if value else value


ALL: Mapping[str, Callable[..., Any]] = {
    "json": to_json,
    "join": lambda values, separator: separator.join(map(text, values)),
    "split": lambda value, separator: value.split(separator) if separator else list(value),
    "upper": lambda value: value.upper(),
    "lower": lambda value: value.lower(),
    "title": lambda value: value.title(),
    "pad": _pad,
    "truncate": _truncate,
    "len": len,
    "index": _index,
    "slice": _slice,
    "print": _print,
    "println": _println,
    "printf": _printf,
    "eq": _equal,
    "ne": lambda first, second: first != second,
    "lt": lambda first, second: first < second,
    "le": lambda first, second: first <= second,
    "gt": lambda first, second: first > second,
    "ge": lambda first, second: first >= second,
    "not": lambda value: not value,
    "and": lambda *values: values,
    "or": lambda *values: values,
}
"""By name; `and` and `or` are here for their names only, as not all of their arguments are looked at."""

_SHAPING = ("json", "join", "split", "upper", "lower", "title", "truncate", "index", "slice")
HEADING: Mapping[str, Callable[..., Any]] = {
    **ALL,
    **{
        name: (lambda *values: next((value for value in values if isinstance(value, str)), ""))
        for name in _SHAPING
    },
}
"""Those that leave a heading as it is."""
