"""`--filter` as Docker has it: what several filters of one key allow adds up, every key has to hold."""

import argparse
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import TypeVar

from tare.errors import UsageError

_Thing = TypeVar("_Thing")
Filters = Mapping[str, Callable[[_Thing, str], bool]]
"""By key, whether a thing is as a value asks for."""


def add_argument(parser: argparse.ArgumentParser, keys: Iterable[str]) -> None:
    """The option --filter, repeatable."""
    parser.add_argument(
        *("-f", "--filter"),
        metavar="KEY=VALUE",
        action="append",
        default=[],
        help=f"only those of which it is true; keys: {', '.join(keys)}",
    )


def parse(texts: Iterable[str]) -> dict[str, list[str]]:
    """Values by key.

    Raises:
        UsageError: a text has no key or no value.
    """
    found: dict[str, list[str]] = {}
    for text in texts:
        key, equals, value = text.partition("=")
        if not key or not equals:
            raise UsageError(f"invalid filter {text!r}", "write KEY=VALUE")
        found.setdefault(key.strip().lower(), []).append(value.strip())
    return found


def select(
    things: Iterable[_Thing], known: Filters[_Thing], wanted: Mapping[str, Sequence[str]]
) -> list[_Thing]:
    """Those that one value of each key is true of, and for labels every value.

    Raises:
        UsageError: a key isn't known.
    """
    if unknown := sorted(set(wanted) - set(known)):
        raise UsageError(f"invalid filter {unknown[0]!r}", f"use one of {', '.join(known)}")
    return [
        thing
        for thing in things
        if all(
            (all if key == "label" else any)(known[key](thing, value) for value in values)
            for key, values in wanted.items()
        )
    ]


def has_label(labels: Mapping[str, str], wanted: str) -> bool:
    """Whether `KEY` is among labels, or `KEY=VALUE` is."""
    key, equals, value = wanted.partition("=")
    return key in labels and (not equals or labels[key] == value)


def is_true(text: str) -> bool:
    """The truth value of a filter.

    Raises:
        UsageError: it is none.
    """
    if text.lower() not in ("true", "1", "false", "0"):
        raise UsageError(f"{text!r} is neither true nor false")
    return text.lower() in ("true", "1")
