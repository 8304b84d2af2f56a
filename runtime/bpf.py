"""A small assembler for seccomp filters: per architecture a binary search over runs of system call numbers.

Neighbouring numbers mostly share a verdict, so runs make a program several times smaller than one comparison
a call, and the kernel translates the whole program at every container start. Classic BPF as in the kernel's
networking/filter document; struct seccomp_data as in seccomp(2).
"""

import struct
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

_LOAD_WORD = 0x20
_JUMP = 0x05
_JUMP_EQUAL = 0x15
_JUMP_GREATER_EQUAL = 0x35
_AND = 0x54
_RETURN = 0x06
_OFFSET_NUMBER = 0
_OFFSET_ARCHITECTURE = 4
_OFFSET_ARGUMENTS = 16
_FAR = 255


@dataclass(frozen=True)
class Check:
    """One comparison of an argument: (argument & mask) == value, or != where `equal` is false."""

    argument: int
    value: int
    mask: int = (1 << 64) - 1
    equal: bool = True


@dataclass(frozen=True)
class Rule:
    """A verdict for a call whose argument passes the check, or any call without one."""

    verdict: int
    check: Check | None = None


_Code = list[tuple[int, int, int, int]]


def assemble(tables: Mapping[int, Mapping[int, Sequence[Rule]]], default: int) -> bytes:
    """The filter as an array of struct sock_filter.

    Args:
        tables: by AUDIT_ARCH_* value, by system call number: its rules, the first that matches decides.
        default: SECCOMP_RET_* value where no rule matches.
    """
    code: _Code = [(_LOAD_WORD, 0, 0, _OFFSET_ARCHITECTURE)]
    for architecture, table in tables.items():
        body = [(_LOAD_WORD, 0, 0, _OFFSET_NUMBER), *_search(_runs(table, default), default)]
        code += [(_JUMP_EQUAL, 1, 0, architecture), (_JUMP, 0, 0, len(body)), *body]
    code.append((_RETURN, 0, 0, default))
    return b"".join(struct.pack("=HBBI", *instruction) for instruction in code)


def _runs(table: Mapping[int, Sequence[Rule]], default: int) -> list[tuple[int, tuple[Rule, ...]]]:
    """First number and rules of each run, from 0 on; a number without rules gets the default."""
    nothing = (Rule(default),)
    runs: list[tuple[int, tuple[Rule, ...]]] = []
    for number in range(max(table, default=-1) + 2):
        rules = tuple(table.get(number, nothing))
        if not runs or runs[-1][1] != rules:
            runs.append((number, rules))
    return runs


def _search(runs: Sequence[tuple[int, tuple[Rule, ...]]], default: int) -> _Code:
    if len(runs) == 1:
        return _verdict(runs[0][1], default)
    middle = len(runs) // 2
    lower, upper = _search(runs[:middle], default), _search(runs[middle:], default)
    boundary = runs[middle][0]
    if len(lower) <= _FAR:
        return [(_JUMP_GREATER_EQUAL, len(lower), 0, boundary), *lower, *upper]
    return [(_JUMP_GREATER_EQUAL, 0, 1, boundary), (_JUMP, 0, 0, len(lower)), *lower, *upper]


def _verdict(rules: Sequence[Rule], default: int) -> _Code:
    code: _Code = []
    for rule in rules:
        if rule.check is None:
            return [*code, (_RETURN, 0, 0, rule.verdict)]
        code += _checked(rule.check, rule.verdict)
    return [*code, (_RETURN, 0, 0, default)]


def _checked(check: Check, verdict: int) -> _Code:
    """Both halves of the argument are masked and compared; a mismatch goes past the return, or to it."""
    offset = _OFFSET_ARGUMENTS + 8 * check.argument
    low, high = (offset, offset + 4) if sys.byteorder == "little" else (offset + 4, offset)
    words = [
        (place, check.mask >> shift & 0xFFFFFFFF, check.value >> shift & 0xFFFFFFFF)
        for place, shift in ((high, 32), (low, 0))
    ]
    code: _Code = []
    for place, mask, value in words:
        if not mask:
            continue
        code.append((_LOAD_WORD, 0, 0, place))
        if mask != 0xFFFFFFFF:
            code.append((_AND, 0, 0, mask))
        code.append((_JUMP_EQUAL, 0, 0, value))
    code.append((_RETURN, 0, 0, verdict))
    last = len(code) - 1
    for place, (operation, _, _, value) in enumerate(code):
        if operation == _JUMP_EQUAL:
            is_last = place == last - 1
            past, to = last - place, last - place - 1
            if check.equal:
                code[place] = (operation, 0, past, value)
            else:
                code[place] = (operation, past if is_last else 0, to, value)
    return code
