"""Has `dataclasses` make closures of the methods that need not be written anew for each class.

It writes each method as a text and executes that, which is most of what a class costs even without the
compilation. Only `__init__` gains from it; the others are called seldom while a command runs. Their meaning
stays: see `_repr_fn`, `_cmp_fn`, `_hash_fn` and `_frozen_get_del_attr` of the standard library's 3.11.
"""

import dataclasses
import sys
from collections.abc import Callable, Sequence
from operator import attrgetter
from typing import Any

_Field = dataclasses.Field[Any]
_Values = Callable[[object], tuple[object, ...]]


def install() -> None:
    """Replace them in an interpreter whose `dataclasses` is known to have them."""
    space = vars(dataclasses)
    if sys.version_info[:2] != (3, 11):
        return
    write_comparison, guard_recursion = space["_cmp_fn"], space["_recursive_repr"]

    def compare(name: str, operator: str, own: str, other: str, **scope: Any) -> object:
        if operator != "==":
            return write_comparison(name, operator, own, other, **scope)
        return _equality([term.partition(".")[2] for term in own.strip("()").split(",") if term])

    space["_repr_fn"] = lambda fields, _: guard_recursion(_representation(fields))
    space["_cmp_fn"] = compare
    space["_hash_fn"] = lambda fields, _: _hash(fields)
    space["_frozen_get_del_attr"] = lambda cls, fields, _: _frozen(cls, fields)


def _values(names: Sequence[str]) -> _Values:
    if len(names) > 1:
        return attrgetter(*names)
    return lambda each: tuple(getattr(each, name) for name in names)


def _representation(fields: Sequence[_Field]) -> Callable[[object], str]:
    names = [field.name for field in fields]

    def __repr__(self: object) -> str:  # noqa: N807 - the name it gets
        shown = ", ".join(f"{name}={getattr(self, name)!r}" for name in names)
        return f"{type(self).__qualname__}({shown})"

    return __repr__


def _equality(names: Sequence[str]) -> Callable[[object, object], bool]:
    values = _values(names)

    def __eq__(self: object, other: object) -> bool:  # noqa: N807
        if other.__class__ is self.__class__:
            return values(self) == values(other)
        return NotImplemented

    return __eq__


def _hash(fields: Sequence[_Field]) -> Callable[[object], int]:
    values = _values([field.name for field in fields])

    def __hash__(self: object) -> int:  # noqa: N807
        return hash(values(self))

    return __hash__


def _frozen(cls: Any, fields: Sequence[_Field]) -> tuple[Callable[..., None], Callable[..., None]]:
    names = frozenset(field.name for field in fields)

    def __setattr__(self: object, name: str, value: object) -> None:  # noqa: N807
        if type(self) is cls or name in names:
            raise dataclasses.FrozenInstanceError(f"cannot assign to field {name!r}")
        super(cls, self).__setattr__(name, value)

    def __delattr__(self: object, name: str) -> None:  # noqa: N807
        if type(self) is cls or name in names:
            raise dataclasses.FrozenInstanceError(f"cannot delete field {name!r}")
        super(cls, self).__delattr__(name)

    return __setattr__, __delattr__
