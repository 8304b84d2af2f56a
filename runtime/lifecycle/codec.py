"""Data classes to JSON values and back, by the types of their fields; what has its default is left out."""

import dataclasses
import types
from collections.abc import Mapping
from contextlib import suppress
from enum import Enum
from functools import cache
from typing import Any, TypeVar, Union, get_args, get_origin, get_type_hints

_Class = TypeVar("_Class")
_PLAIN = (str, int, float, bool, types.NoneType)


def encode(value: Any) -> Any:  # noqa: PLR0911 - one a type
    """The value as JSON has it; paths and addresses are strings."""
    if dataclasses.is_dataclass(value) and not isinstance(value, type):
        return {
            field.name: encode(getattr(value, field.name))
            for field in dataclasses.fields(value)
            if not _is_default(field, getattr(value, field.name))
        }
    if isinstance(value, Enum):
        return value.value
    if isinstance(value, _PLAIN):
        return value
    if isinstance(value, Mapping):
        return {str(key): encode(each) for key, each in value.items()}
    if isinstance(value, tuple | list):
        return [encode(each) for each in value]
    if isinstance(value, frozenset):
        return sorted(encode(each) for each in value)
    return str(value)


def decode(kind: type[_Class], value: Any) -> _Class:
    """The value of a data class; fields it doesn't know are ignored, as a later version may write them.

    Raises:
        TypeError, ValueError, KeyError, AttributeError: it is none.
    """
    decoded: _Class = _decode(kind, value)
    return decoded


def _decode(kind: Any, value: Any) -> Any:  # noqa: PLR0911 - one a type
    origin, arguments = get_origin(kind), get_args(kind)
    if origin in (Union, types.UnionType):
        alternatives = [each for each in arguments if each is not types.NoneType]
        return None if value is None else _decode_one(alternatives, value)
    if origin is tuple:
        parts = [arguments[0]] * len(value) if arguments[-1] is Ellipsis else arguments
        return tuple(_decode(each, part) for each, part in zip(parts, value, strict=True))
    if origin is frozenset:
        return frozenset(_decode(arguments[0], part) for part in value)
    if origin is not None and issubclass(origin, Mapping):
        return {key: _decode(arguments[1], part) for key, part in value.items()}
    if dataclasses.is_dataclass(kind) and isinstance(kind, type):
        kinds = _kinds(kind)
        return kind(**{name: _decode(kinds[name], part) for name, part in value.items() if name in kinds})
    if kind is Any or kind in _PLAIN:
        return value
    return kind(value)


@cache
def _kinds(kind: Any) -> dict[str, Any]:
    """The types of a data class's fields by their names; finding out takes longer than all the rest."""
    hints = get_type_hints(kind)
    return {field.name: hints[field.name] for field in dataclasses.fields(kind)}


def _decode_one(kinds: "list[Any]", value: Any) -> Any:
    """The value as the first kind that it can be."""
    for kind in kinds[:-1]:
        with suppress(ValueError):
            return _decode(kind, value)
    return _decode(kinds[-1], value)


def _is_default(field: "dataclasses.Field[Any]", value: Any) -> bool:
    if field.default is not dataclasses.MISSING:
        return bool(value == field.default)
    return field.default_factory is not dataclasses.MISSING and bool(value == field.default_factory())
