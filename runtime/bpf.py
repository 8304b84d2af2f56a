"""A small assembler for seccomp filters: per architecture a binary search over runs of system call numbers.

Neighbouring numbers mostly share a verdict, so runs make a program several times smaller than one comparison
a call, and the kernel translates the whole program at every container start. Classic BPF as in the kernel's
networking/filter document; struct seccomp_data as in seccomp(2).
"""

import struct
import sys
from bisect import bisect_right
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from itertools import chain

LONGEST = 4096 * 8
"""Size in bytes of the longest program the kernel takes: BPF_MAXINSNS instructions."""

_LOAD_WORD = 0x20
_JUMP = 0x05
_JUMP_EQUAL = 0x15
_JUMP_GREATER = 0x25
_JUMP_GREATER_EQUAL = 0x35
_AND = 0x54
_RETURN = 0x06
_OFFSET_NUMBER = 0
_OFFSET_ARCHITECTURE = 4
_OFFSET_ARGUMENTS = 16
_FAR = 255
_WORD = 0xFFFFFFFF
# Where a comparison jumps that is not the next instruction: past its check, or past the rule's return.
_PASS = -1
_FAIL = -2


@dataclass(frozen=True)
class Check:
    """One comparison of an argument: (argument & mask) == value, or != where `equal` is false."""

    argument: int
    value: int
    mask: int = (1 << 64) - 1
    equal: bool = True


@dataclass(frozen=True)
class Bound:
    """One unsigned comparison: argument > value, or >= if inclusive, or the opposite where `above` is false.

    Narrow ones are of the low 32 bits.
    """

    argument: int
    value: int
    above: bool = True
    inclusive: bool = False
    narrow: bool = False


@dataclass(frozen=True)
class All:
    """Several comparisons that have to hold together."""

    checks: tuple[Check | Bound, ...]


@dataclass(frozen=True)
class Rule:
    """A verdict for a call whose arguments pass the check, or any call without one."""

    verdict: int
    check: Check | Bound | All | None = None


_Code = list[tuple[int, int, int, int]]
_Run = tuple[int, tuple[Rule, ...]]


def assemble(
    tables: Mapping[int, Mapping[int, Sequence[Rule]]],
    default: int,
    *,
    foreign: int | None = None,
    steps: Mapping[int, Sequence[tuple[int, int]]] | None = None,
) -> bytes:
    """The filter as an array of struct sock_filter.

    Args:
        tables: by AUDIT_ARCH_* value, by system call number: its rules, the first that matches decides.
        default: SECCOMP_RET_* value where no rule matches.
        foreign: SECCOMP_RET_* value for other architectures; the default if None.
        steps: by AUDIT_ARCH_* value: (number, SECCOMP_RET_* value) in ascending order, what numbers without
            rules get from that number on, instead of the default.
    """
    code: _Code = [(_LOAD_WORD, 0, 0, _OFFSET_ARCHITECTURE)]
    for architecture, table in tables.items():
        runs = _runs(table, ((0, default), *(steps or {}).get(architecture, ())))
        body = [(_LOAD_WORD, 0, 0, _OFFSET_NUMBER), *_search(runs, default)]
        code += [(_JUMP_EQUAL, 1, 0, architecture), (_JUMP, 0, 0, len(body)), *body]
    code.append((_RETURN, 0, 0, default if foreign is None else foreign))
    return b"".join(struct.pack("=HBBI", *instruction) for instruction in code)


def _runs(table: Mapping[int, Sequence[Rule]], steps: Sequence[tuple[int, int]]) -> list[_Run]:
    """First number and rules of each run, from 0 on."""
    starts = [first for first, _ in steps]
    edges = {*starts, *table, *(number + 1 for number in table if number < _WORD)}
    runs: list[_Run] = []
    for number in sorted(edges):
        rules = table.get(number) or (Rule(steps[bisect_right(starts, number) - 1][1]),)
        if not runs or runs[-1][1] != tuple(rules):
            runs.append((number, tuple(rules)))
    return runs


def _search(runs: Sequence[_Run], default: int) -> _Code:
    if len(runs) == 1:
        return _verdict(runs[0][1], default)
    middle = len(runs) // 2
    lower, upper = _search(runs[:middle], default), _search(runs[middle:], default)
    boundary = runs[middle][0]
    if len(lower) <= _FAR:
        return [(_JUMP_GREATER_EQUAL, len(lower), 0, boundary), *lower, *upper]
    return [(_JUMP_GREATER_EQUAL, 0, 1, boundary), (_JUMP, 0, 0, len(lower)), *lower, *upper]


def _verdict(rules: Iterable[Rule], default: int) -> _Code:
    code: _Code = []
    for rule in rules:
        if rule.check is None:
            return [*code, (_RETURN, 0, 0, rule.verdict)]
        checks = rule.check.checks if isinstance(rule.check, All) else (rule.check,)
        passed = list(chain.from_iterable(_resolved(_compared(check), _PASS) for check in checks))
        code += [*_resolved([*passed, (_RETURN, 0, 0, rule.verdict)], _FAIL)]
    return [*code, (_RETURN, 0, 0, default)]


def _resolved(code: _Code, label: int) -> _Code:
    """The code with jumps to the label made jumps to its end."""
    return [
        (
            operation,
            len(code) - place if yes == label else yes,
            len(code) - place if no == label else no,
            value,
        )
        for place, (operation, yes, no, value) in enumerate(code, 1)
    ]


def _compared(check: Check | Bound) -> _Code:
    offset = _OFFSET_ARGUMENTS + 8 * check.argument
    low, high = (offset, offset + 4) if sys.byteorder == "little" else (offset + 4, offset)
    if isinstance(check, Check):
        return _equality(check, high, low)
    return _order(check, high, low)


def _equality(check: Check, high: int, low: int) -> _Code:
    words = [
        (place, mask, check.value >> shift & mask)
        for place, shift in ((high, 32), (low, 0))
        if (mask := check.mask >> shift & _WORD)
    ]
    code: _Code = [] if words or check.equal else [(_JUMP_EQUAL, _FAIL, _FAIL, 0)]
    for index, (place, mask, value) in enumerate(words, 1):
        code.append((_LOAD_WORD, 0, 0, place))
        if mask != _WORD:
            code.append((_AND, 0, 0, mask))
        differs = _FAIL if index == len(words) else 0
        code.append((_JUMP_EQUAL, 0, _FAIL, value) if check.equal else (_JUMP_EQUAL, differs, _PASS, value))
    return code


def _order(check: Bound, high: int, low: int) -> _Code:
    more, less = (_PASS, _FAIL) if check.above else (_FAIL, _PASS)
    operation = _JUMP_GREATER_EQUAL if check.inclusive else _JUMP_GREATER
    code: _Code = [(_LOAD_WORD, 0, 0, low), (operation, more, less, check.value & _WORD)]
    if check.narrow:
        return code
    upper = check.value >> 32
    return [
        (_LOAD_WORD, 0, 0, high),
        (_JUMP_GREATER, more, 0, upper),
        (_JUMP_EQUAL, 0, less, upper),
        *code,
    ]
