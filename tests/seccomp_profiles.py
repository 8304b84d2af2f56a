"""Small `linux.seccomp` objects, and what their operators mean."""

from collections.abc import Callable
from typing import Any

Json = dict[str, Any]

OPERATORS: dict[str, Callable[[int, int, int], bool]] = {
    "NE": lambda argument, value, _: argument != value,
    "LT": lambda argument, value, _: argument < value,
    "LE": lambda argument, value, _: argument <= value,
    "EQ": lambda argument, value, _: argument == value,
    "GE": lambda argument, value, _: argument >= value,
    "GT": lambda argument, value, _: argument > value,
    "MASKED_EQ": lambda argument, mask, value: argument & mask == value & mask,
}


def described(*rules: Json, default: str = "KILL_PROCESS", **fields: object) -> Json:
    return {"defaultAction": f"SCMP_ACT_{default}", "syscalls": list(rules), **fields}


def rule(*names: str, action: str = "ALLOW", args: list[Json] | None = None, **fields: object) -> Json:
    return {"names": list(names), "action": f"SCMP_ACT_{action}", "args": args or [], **fields}


def compare(index: int, op: str, value: int, second: int = 0) -> Json:
    return {"index": index, "op": f"SCMP_CMP_{op}", "value": value, "valueTwo": second}
