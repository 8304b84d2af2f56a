"""Which devices a container may use: the ordered rules of `linux.resources.devices`.

OCI runtime specification, config-linux, "Allowed Device list"; the last rule that matches decides.
"""

from __future__ import annotations

from runtime import devices
from runtime.errors import CgroupError

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Sequence
    from typing import Any

    Rule = tuple[bool, str, int, int, str]
    Devices = tuple[str, int, int]

ANY = -1
"""In place of a major or minor number: all of them."""
_ALL = "rwm"

DEFAULTS: tuple[Rule, ...] = tuple((True, *rule) for rule in devices.CGROUP_RULES)
"""The rules for the devices every container has: (allow, type, major, minor, access)."""


def ordered(given: Sequence[dict[str, Any]]) -> list[Rule]:
    """The rules in force: nothing is allowed, then the given ones, then what is always allowed.

    Tunnels are among what is always allowed because runc has them, and images rely on it.

    Raises:
        CgroupError: a type, an access or a number no device can have.
    """
    return [*parsed(given), *DEFAULTS, (True, *devices.TUNNEL_RULE)]


def parsed(given: Sequence[dict[str, Any]]) -> list[Rule]:
    """The rules of a specification, whose type is `c`, `b`, or `a` for each and every device.

    Raises:
        CgroupError: a type, an access or a number no device can have.
    """
    rules: list[Rule] = []
    for rule in given:
        allow, access = bool(rule["allow"]), rule.get("access") or _ALL
        major, minor = (_number(rule.get(key)) for key in ("major", "minor"))
        kind = rule.get("type") or "a"
        if kind not in ("a", "b", "c") or not set(access) <= set(_ALL):
            raise CgroupError(
                f"no device rule has type {kind} and access {access}", "see devices in the spec"
            )
        if kind == "a" and (major, minor) == (ANY, ANY) and set(access) >= set(_ALL):
            rules = [(allow, "a", ANY, ANY, _ALL)]
        else:
            rules += [(allow, each, major, minor, access) for each in ("cb" if kind == "a" else kind)]
    return rules


def _number(given: int | None) -> int:
    if given is None:
        return ANY
    if not ANY <= given < 1 << 31:
        raise CgroupError(f"there is no device number {given}", "leave the rule out")
    return given


def exceptions(rules: Sequence[Rule]) -> tuple[bool, list[str]]:
    """The rules as version 1 knows them: whether all is allowed, and the lines for what is not as all else.

    Raises:
        CgroupError: a rule is an exception from an exception, which version 1 silently ignores.
    """
    allow_all = False
    held: dict[Devices, str] = {}
    for allow, kind, major, minor, access in rules:
        key = (kind, major, minor)
        if kind == "a":
            allow_all = allow
            held.clear()
        elif allow != allow_all:
            held[key] = "".join(mode for mode in _ALL if mode in held.get(key, "") + access)
        else:
            for other, modes in held.items():
                if _meet(key, other) and set(modes) & set(access):
                    if not _covers(key, other):
                        raise CgroupError(
                            f"version 1 of control groups can't except device {_line(key, access)} "
                            f"from {_line(other, modes)}",
                            "leave one of the two rules out",
                        )
                    held[other] = "".join(mode for mode in modes if mode not in access)
    return allow_all, [_line(key, access) for key, access in held.items() if access]


def _meet(one: Devices, other: Devices) -> bool:
    return all(ANY in pair or pair[0] == pair[1] for pair in zip(one, other, strict=True))


def _covers(wider: Devices, other: Devices) -> bool:
    return all(wanted in (ANY, found) for wanted, found in zip(wider, other, strict=True))


def _line(key: Devices, access: str) -> str:
    kind, *numbers = key
    return f"{kind} {':'.join('*' if number == ANY else str(number) for number in numbers)} {access}"
