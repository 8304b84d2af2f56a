"""Building blocks of the tables that say what a configuration may hold.

A check is a function that takes a JSON value and raises FieldError when it isn't what the specification
says. The path to the value is put together only when an error passes through, so that valid configurations
pay nothing for it. Members the tables don't name are ignored, as the specification asks (config.md,
Extensibility).
"""

from __future__ import annotations

from runtime import light
from runtime.oci.errors import ConfigError

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Any

    Check = Callable[[Any], None]
    Fields = dict[str, Check]

_SHOWN = 60
_LISTED = 250


class FieldError(ConfigError):
    """A member of a configuration is missing or not what it may be.

    Args:
        fault: what is wrong, as a clause without a full stop.
        hint: what would be right.
        path: where, such as `process.args[0]`; empty for the value under test itself.
    """

    def __init__(self, fault: str, hint: str = "", path: str = "") -> None:
        super().__init__(f"{path}: {fault}" if path else fault, hint)
        self.fault = fault
        self.path = path

    def below(self, place: str) -> FieldError:
        """The same error seen from the object or array that holds the value."""
        joint = "." if self.path and not self.path.startswith("[") else ""
        return FieldError(self.fault, self.hint, f"{place}{joint}{self.path}")


def shown(value: Any) -> str:
    """A value as one short piece of text for a message, whatever it is."""
    if type(value) is str:
        return light.dumps(value if len(value) <= _SHOWN else f"{value[:_SHOWN]}...")
    if type(value) is list:
        return "an array"
    if type(value) is dict:
        return "an object"
    return repr(value) if type(value) is float else light.dumps(value)[:_SHOWN]


def string(value: Any) -> None:
    """A string that can be handed to the kernel."""
    if type(value) is not str:
        raise FieldError(f"{shown(value)} is not a string")
    if "\0" in value:
        raise FieldError(f"{shown(value)} contains a NUL character")
    if not value.isascii():
        _encodable(value)


def _encodable(value: str) -> None:
    try:
        value.encode()
    except UnicodeEncodeError:
        raise FieldError(f"{shown(value)} contains half a surrogate pair") from None


def text(value: Any) -> None:
    """Any string."""
    if type(value) is not str:
        raise FieldError(f"{shown(value)} is not a string")


def filled(value: Any) -> None:
    """A string that is not empty."""
    string(value)
    if not value:
        raise FieldError("is empty")


def absolute(value: Any) -> None:
    """An absolute path."""
    string(value)
    if value[:1] != "/":
        raise FieldError(f"{shown(value)} is relative", "it must be absolute")


def boolean(value: Any) -> None:
    """True or false."""
    if type(value) is not bool:
        raise FieldError(f"{shown(value)} is neither true nor false")


def integer(low: int, high: int) -> Check:
    """A whole number within bounds, both included."""

    def check(value: Any) -> None:
        if type(value) is not int:
            raise FieldError(f"{shown(value)} is not a whole number")
        if not low <= value <= high:
            raise FieldError(f"{shown(value)} is not within {low} and {high}")

    return check


UINT16 = integer(0, (1 << 16) - 1)
UINT32 = integer(0, (1 << 32) - 1)
UINT64 = integer(0, (1 << 64) - 1)
INT64 = integer(-(1 << 63), (1 << 63) - 1)
ID = integer(0, (1 << 32) - 2)
"""A user or group; the kernel keeps the highest number for "none"."""


def one_of(*names: str) -> Check:
    """One of some strings; a message names them where they are few."""
    known = ", ".join(filter(None, names))
    hint = f"known are {known}" if len(known) <= _LISTED else ""

    def check(value: Any) -> None:
        if type(value) is not str or value not in names:
            raise FieldError(f"{shown(value)} is unknown", hint)

    return check


def array(item: Check) -> Check:
    """An array of equal things."""

    def check(value: Any) -> None:
        if type(value) is not list:
            raise FieldError(f"{shown(value)} is not an array")
        index = 0
        try:
            for index, element in enumerate(value):  # noqa: B007 - the error below names it
                item(element)
        except FieldError as error:
            raise error.below(f"[{index}]") from None

    return check


def mapping(item: Check) -> Check:
    """An object whose members are equal things with names of their own."""

    def check(value: Any) -> None:
        if type(value) is not dict:
            raise FieldError(f"{shown(value)} is not an object")
        for name, member in value.items():
            try:
                filled(name)
                item(member)
            except FieldError as error:
                raise error.below(f"[{shown(name)}]") from None

    return check


def record(fields: Fields, required: tuple[str, ...] = (), rule: Check | None = None) -> Check:
    """An object with these members, the required ones among them.

    Args:
        fields: what each member must be.
        required: members that must be there.
        rule: checked last, when every member is as it should be.
    """

    def check(value: Any) -> None:
        if type(value) is not dict:
            raise FieldError(f"{shown(value)} is not an object")
        for name in required:
            if name not in value:
                raise FieldError("is missing", path=name)
        name = ""
        try:
            for name, member in value.items():
                if name in fields:
                    fields[name](member)
        except FieldError as error:
            raise error.below(name) from None
        if rule:
            rule(value)

    return check


def number_list(value: Any) -> None:
    """Numbers of processors or memory nodes as cpuset(7) lists them, such as `0-3,7`; may be empty."""
    string(value)
    for part in value.split(",") if value else ():
        low, dash, high = part.strip().partition("-")
        if not (_is_number(low) and (not dash or (_is_number(high) and int(low) <= int(high)))):
            raise FieldError(f"{shown(value)} is no list of numbers", "write one such as 0-3,7")


def _is_number(digits: str) -> bool:
    return digits.isascii() and digits.isdecimal() and len(digits) <= 5


def variables(value: Any) -> None:
    """An environment, `NAME=value` each; see environ(7)."""
    strings(value)
    for index, entry in enumerate(value):
        if entry.find("=") <= 0:
            raise FieldError(f"{shown(entry)} is not of the form NAME=value", path=f"[{index}]")


strings = array(string)
absolutes = array(absolute)
