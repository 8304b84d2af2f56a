"""Command line arguments as runc takes them: `--flag`, `--name value`, `--name=value`, also with one dash.

argparse alone would cost more than a container's start.
"""

from __future__ import annotations

from runtime.oci.errors import OciError

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from typing import Any


def parse(
    arguments: Sequence[str],
    *,
    values: Mapping[str, str] | None = None,
    flags: Mapping[str, str] | None = None,
    lists: Mapping[str, str] | None = None,
    stops: bool = False,
) -> tuple[dict[str, Any], list[str]]:
    """Options by name, and what is left.

    Args:
        arguments: without the program's name.
        values: options with a value: spelling without dashes -> name in the result.
        flags: options without one; `--flag=false` is understood.
        lists: options that may be repeated; their values are collected.
        stops: whether the first argument that is no option ends the options; `--` always does.

    Raises:
        OciError: an unknown option, or one whose value is missing.
    """
    values, flags, lists = values or {}, flags or {}, lists or {}
    found: dict[str, Any] = {}
    rest: list[str] = []
    position = 0
    while position < len(arguments):
        argument = arguments[position]
        position += 1
        if argument == "--":
            return found, rest + list(arguments[position:])
        if len(argument) < 2 or not argument.startswith("-"):
            rest.append(argument)
            if stops:
                return found, rest + list(arguments[position:])
            continue
        spelling, separator, value = argument.lstrip("-").partition("=")
        if spelling in flags:
            found[flags[spelling]] = value not in {"false", "0"} if separator else True
            continue
        if spelling not in values and spelling not in lists:
            raise OciError(f"unknown option {argument!r}", "see --help")
        if not separator:
            if position == len(arguments):
                raise OciError(f"option {argument!r} needs a value", "see --help")
            value = arguments[position]
            position += 1
        if spelling in values:
            found[values[spelling]] = value
        else:
            found.setdefault(lists[spelling], []).append(value)
    return found, rest


def container(rest: Sequence[str]) -> str:
    """The one argument, a container's id.

    Raises:
        OciError: there is none, or more.
    """
    if len(rest) != 1:
        raise OciError("exactly one container id is needed", "see --help")
    return rest[0]


def number(text: str, option: str) -> int:
    """A number of 0 or more.

    Raises:
        OciError: it is none.
    """
    if not text.isdecimal():
        raise OciError(f"{option}: {text!r} is no number", "use 0 or more")
    return int(text)
