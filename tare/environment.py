"""Variables and labels as people give them: one by one, and in files."""

import os
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path

from tare.errors import UsageError


def variables(files: Iterable[str], given: Iterable[str]) -> tuple[str, ...]:
    """`NAME=VALUE` for each variable of the files (--env-file) and then of the command line (-e).

    A name without a value has that of our own environment, and stays a name alone where there is none:
    whoever is asked for it is to go without.

    Raises:
        UsageError: a file can't be read, or a line names no variable.
    """
    lines = [line for path in files for line in _lines(path)]
    return tuple(_resolved(text) for text in (*lines, *given))


def labels(files: Iterable[str], given: Iterable[str]) -> dict[str, str]:
    """The labels of the files (--label-file) and then of the command line (-l), empty without a value.

    Raises:
        UsageError: a file can't be read, or a label has no name.
    """
    found = {}
    for text in (*(line for path in files for line in _lines(path)), *given):
        name, _, value = text.partition("=")
        if not name:
            raise UsageError(f"{text!r} is no label", "write NAME=VALUE")
        found[name] = value
    return found


def merged(before: Iterable[str], changes: Iterable[str]) -> Mapping[str, str]:
    """Variables of an image with those that `variables` gives; a name alone takes one away."""
    found = dict(_split(text) for text in before)
    for text in changes:
        name, given, value = text.partition("=")
        found.pop(name, None)
        if given:
            found[name] = value
    return found


def _split(text: str) -> tuple[str, str]:
    name, _, value = text.partition("=")
    return name, value


def _resolved(text: str) -> str:
    name, given, _ = text.partition("=")
    if not name:
        raise UsageError(f"{text!r} sets no variable", "write NAME=VALUE")
    return f"{name}={os.environ[name]}" if not given and name in os.environ else text


def _lines(path: str) -> Iterator[str]:
    try:
        text = Path(path).read_text(encoding="utf-8-sig")
    except (OSError, UnicodeDecodeError) as error:
        raise UsageError(
            f"can't read {path}: {getattr(error, 'strerror', None) or 'it is no text'}"
        ) from error
    for line in text.splitlines():
        entry = line.lstrip()
        if not entry or entry.startswith("#"):
            continue
        if any(character.isspace() for character in entry.partition("=")[0]):
            raise UsageError(f"{entry[:80]!r} in {path} has a space in its name", "write NAME=VALUE")
        yield entry
