# ruff: noqa: PTH123 - plain strings and descriptors, as in system calls
"""Seccomp filters: `linux.seccomp` of the OCI runtime specification as BPF, and our default profile.

libseccomp knows the numbers of system calls; the rest of what it does for other runtimes is done here, with
its semantics, as its programs are several times as long. The default profile (seccomp_profile.json) allows
what Docker's allows, with the rules that depend on a capability. Calls it names and denies fail with EPERM;
calls it doesn't know fail with ENOSYS, so that a C library newer than it falls back as on an older kernel.
"""

from __future__ import annotations

import errno
import os

from runtime import light, seccomp_numbers, syscalls
from runtime.errors import EngineError
from tare.errors import TareError

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Collection, Iterator, Mapping, Sequence
    from typing import Any

    from runtime import bpf

_PROFILE = f"{__file__.rpartition('/')[0]}/seccomp_profile.json"
_MACHINES = {
    "x86_64": ("SCMP_ARCH_X86_64", "SCMP_ARCH_X86"),
    "aarch64": ("SCMP_ARCH_AARCH64", "SCMP_ARCH_ARM"),
    "riscv64": ("SCMP_ARCH_RISCV64",),
    "ppc64le": ("SCMP_ARCH_PPC64LE",),
}

_KILL_THREAD = 0x00000000
_ERRNO = 0x00050000
_ACTIONS = {
    "SCMP_ACT_KILL": _KILL_THREAD,
    "SCMP_ACT_KILL_PROCESS": 0x80000000,
    "SCMP_ACT_KILL_THREAD": _KILL_THREAD,
    "SCMP_ACT_TRAP": 0x00030000,
    "SCMP_ACT_ERRNO": _ERRNO,
    "SCMP_ACT_TRACE": 0x7FF00000,
    "SCMP_ACT_ALLOW": 0x7FFF0000,
    "SCMP_ACT_LOG": 0x7FFC0000,
    "SCMP_ACT_NOTIFY": 0x7FC00000,
}
_WITH_ERRNO = ("SCMP_ACT_ERRNO", "SCMP_ACT_TRACE")
_MAX_ERRNO = 4095
_OPERATORS = (
    "SCMP_CMP_NE",
    "SCMP_CMP_LT",
    "SCMP_CMP_LE",
    "SCMP_CMP_EQ",
    "SCMP_CMP_GE",
    "SCMP_CMP_GT",
    "SCMP_CMP_MASKED_EQ",
)
_ARCHITECTURES = (
    "SCMP_ARCH_X86",
    "SCMP_ARCH_X86_64",
    "SCMP_ARCH_X32",
    "SCMP_ARCH_ARM",
    "SCMP_ARCH_AARCH64",
    "SCMP_ARCH_MIPS",
    "SCMP_ARCH_MIPS64",
    "SCMP_ARCH_MIPS64N32",
    "SCMP_ARCH_MIPSEL",
    "SCMP_ARCH_MIPSEL64",
    "SCMP_ARCH_MIPSEL64N32",
    "SCMP_ARCH_PPC",
    "SCMP_ARCH_PPC64",
    "SCMP_ARCH_PPC64LE",
    "SCMP_ARCH_S390",
    "SCMP_ARCH_S390X",
    "SCMP_ARCH_PARISC",
    "SCMP_ARCH_PARISC64",
    "SCMP_ARCH_RISCV64",
    "SCMP_ARCH_LOONGARCH64",
    "SCMP_ARCH_M68K",
    "SCMP_ARCH_SH",
    "SCMP_ARCH_SHEB",
)
_WAIT_KILLABLE_RECV = "SECCOMP_FILTER_FLAG_WAIT_KILLABLE_RECV"
_FLAGS = {
    # A process that installs a filter here has one thread, so there is none to synchronize with.
    "SECCOMP_FILTER_FLAG_TSYNC": 0,
    "SECCOMP_FILTER_FLAG_LOG": syscalls.SECCOMP_FILTER_FLAG_LOG,
    "SECCOMP_FILTER_FLAG_SPEC_ALLOW": syscalls.SECCOMP_FILTER_FLAG_SPEC_ALLOW,
    _WAIT_KILLABLE_RECV: syscalls.SECCOMP_FILTER_FLAG_WAIT_KILLABLE_RECV,
}

_AUDIT_X86_64 = 0xC000003E
_TOKEN_X32 = 0x4000003E
_TOKENS_S390 = (0x00000016, 0x80000016)
_X32_BIT = 0x40000000
_NO_SYSCALL = 0xFFFFFFFF
_WORD = 0xFFFFFFFF
_KINDS = {str: "string", int: "whole number", list: "array"}


class ProfileError(TareError):
    """A `linux.seccomp` object says something the specification or the kernel has no meaning for."""


def profile(capabilities: Collection[str]) -> dict[str, Any]:
    """The default filter for a capability set, as `linux.seccomp` of the OCI runtime specification.

    Raises:
        EngineError: this machine's architecture is not supported.
    """
    machine = os.uname().machine
    if machine not in _MACHINES:
        raise EngineError(f"no system call filter for {machine}", "run without seccomp")
    with open(_PROFILE) as file:
        source = light.loads(file.read())
    rules = list(source["syscalls"])
    for capability, conditional in source["capabilities"].items():
        rules += conditional["with" if capability in capabilities else "without"]
    return {
        "defaultAction": source["defaultAction"],
        "defaultErrnoRet": source["defaultErrnoRet"],
        "architectures": list(_MACHINES[machine]),
        "syscalls": rules,
    }


def supported() -> dict[str, Any]:
    """What filters may say on this host: `linux.seccomp` of the specification's features document."""
    try:
        architectures = [name for name in _ARCHITECTURES if seccomp_numbers.token(name)]
    except EngineError:
        return {"enabled": False}
    return {
        "enabled": True,
        "actions": [name for name, action in _ACTIONS.items() if syscalls.seccomp_has_action(action)],
        "operators": list(_OPERATORS),
        "archs": architectures,
        "knownFlags": list(_FLAGS),
        "supportedFlags": [name for name in _FLAGS if _has_flag(name)],
    }


def filter_flags(description: Mapping[str, Any]) -> int:
    """SECCOMP_FILTER_FLAG_* mask for a `linux.seccomp` object.

    SPEC_ALLOW where it names no flags, as in runc; NEW_LISTENER where a rule notifies.

    Raises:
        ProfileError: a flag is unknown or has no effect here, or no one listens to what a rule notifies of.
    """
    names = _field(description, "flags", list, ["SECCOMP_FILTER_FLAG_SPEC_ALLOW"])
    mask = 0
    for name in names:
        mask |= _FLAGS[_known(name, _FLAGS, "flag")]
    notifies = any(rule.action == "SCMP_ACT_NOTIFY" for rule in _rules(description))
    listener = _field(description, "listenerPath", str, "")
    if not listener and _field(description, "listenerMetadata", str, ""):
        raise ProfileError("linux.seccomp: listenerMetadata is set without a listenerPath")
    if notifies and not listener:
        raise ProfileError("linux.seccomp: SCMP_ACT_NOTIFY needs a listenerPath")
    if _WAIT_KILLABLE_RECV in names and not (notifies and _has_flag(_WAIT_KILLABLE_RECV)):
        hint = "it needs Linux 5.19 and a rule with SCMP_ACT_NOTIFY"
        raise ProfileError(f"linux.seccomp: {_WAIT_KILLABLE_RECV} has no effect here", hint)
    return mask | (syscalls.SECCOMP_FILTER_FLAG_NEW_LISTENER if notifies else 0)


def compile_filter(description: Mapping[str, Any]) -> bytes:
    """BPF for a `linux.seccomp` object, an array of struct sock_filter, with the semantics of libseccomp.

    A rule without conditions decides whatever other rules its call has; of the others the first that matches.
    Calls this libseccomp doesn't know are left out. Calls of an architecture not listed kill the thread; this
    host's own is always listed. Where calls fail with EPERM by default, those newer than any that the profile
    names fail with ENOSYS.

    Raises:
        ProfileError: the object has no meaning.
        EngineError: libseccomp is missing.
    """
    from runtime import bpf

    default_name = _known(_field(description, "defaultAction", str), _ACTIONS, "action")
    if default_name == "SCMP_ACT_NOTIFY":
        raise ProfileError("linux.seccomp: SCMP_ACT_NOTIFY can't be the default action")
    default = _verdict(default_name, description, "defaultErrnoRet")
    rules = list(_rules(description))
    tokens = _tokens(description)
    tables: dict[int, dict[int, list[bpf.Rule]]] = {}
    steps: dict[int, dict[int, int]] = {}
    for token in tokens:
        audit = _AUDIT_X86_64 if token == _TOKEN_X32 else token
        table, step = tables.setdefault(audit, {}), steps.setdefault(audit, {})
        newest = _fill(table, seccomp_numbers.Numbers(token), rules, default)
        if token == _TOKEN_X32:
            step[_X32_BIT] = default
        elif token == _AUDIT_X86_64 and _TOKEN_X32 not in tokens:
            step |= {_X32_BIT: _KILL_THREAD, _NO_SYSCALL: default}
        if newest and default == _ERRNO | errno.EPERM:
            step[newest + 1] = _ERRNO | errno.ENOSYS
            if token in _TOKENS_S390:
                # Calls a kernel doesn't know arrive there as number 0, the unused setup(2).
                table[0] = [bpf.Rule(_ERRNO | errno.ENOSYS)]
    ladders = {audit: sorted(step.items()) for audit, step in steps.items()}
    program = bpf.assemble(tables, default, foreign=_KILL_THREAD, steps=ladders)
    if len(program) > bpf.LONGEST:
        raise ProfileError(
            "linux.seccomp: the rules make a longer program than the kernel takes", "join some"
        )
    return program


class _Rule:
    """An entry of `syscalls`, checked."""

    __slots__ = ("action", "conditions", "names", "verdict")

    def __init__(self, entry: Mapping[str, Any]) -> None:
        self.names = [_text(name, "names") for name in _field(entry, "names", list)]
        self.action = _known(_field(entry, "action", str), _ACTIONS, "action")
        self.verdict = _verdict(self.action, entry, "errnoRet")
        arguments = [_argument(argument) for argument in _field(entry, "args", list, [])]
        indexes = [index for index, _, _, _ in arguments]
        # As in all runtimes, comparisons of one argument twice are alternatives, all others hold together.
        repeats = len(set(indexes)) < len(indexes)
        self.conditions = [(argument,) for argument in arguments] if repeats else [tuple(arguments)]
        if not self.names or not all(self.names):
            raise ProfileError("linux.seccomp: a rule without the name of a system call")
        if self.action == "SCMP_ACT_NOTIFY" and "write" in self.names:
            # Whoever starts the container couldn't be told of the listener's descriptor.
            raise ProfileError("linux.seccomp: SCMP_ACT_NOTIFY can't be used for write")


_Argument = tuple[int, str, int, int]


def _rules(description: Mapping[str, Any]) -> Iterator[_Rule]:
    for entry in _field(description, "syscalls", list, []):
        if not isinstance(entry, dict):
            raise ProfileError("linux.seccomp: an entry of syscalls is no object")
        yield _Rule(entry)


def _argument(entry: Any) -> _Argument:
    if not isinstance(entry, dict):
        raise ProfileError("linux.seccomp: an entry of args is no object")
    operator = _known(_field(entry, "op", str), _OPERATORS, "operator")
    index, value = _number(entry, "index", 5), _number(entry, "value", 2**64 - 1)
    return index, operator, value, _number(entry, "valueTwo", 2**64 - 1, 0)


def _verdict(action: str, holder: Mapping[str, Any], key: str) -> int:
    if action in _WITH_ERRNO:
        return _ACTIONS[action] | _number(holder, key, _MAX_ERRNO, errno.EPERM)
    if holder.get(key) is not None:
        raise ProfileError(f"linux.seccomp: {action} takes no {key}", "leave it out")
    return _ACTIONS[action]


def _fill(
    table: dict[int, list[bpf.Rule]], numbers: seccomp_numbers.Numbers, rules: Sequence[_Rule], default: int
) -> int:
    """Add an architecture's rules to its table; returns the highest number that a rule names, or 0."""
    from runtime import bpf

    newest = 0
    for rule in rules:
        for name in rule.names:
            for number, call in numbers.of(name):
                newest = max(newest, number)
                if rule.verdict == default:
                    continue
                for condition in rule.conditions:
                    check = _check(condition, numbers.narrow, call)
                    if not _add(table.setdefault(number, []), bpf.Rule(rule.verdict, check)):
                        raise ProfileError(f"linux.seccomp: rules for {name} differ in their action alone")
    return newest


def _add(rules: list[bpf.Rule], rule: bpf.Rule) -> bool:
    """Add a rule to those of its call, unless it contradicts one."""
    if rules and rules[0].check is None:
        return True
    if rule.check is None:
        rules[:] = [rule]
        return True
    for other in rules:
        if other.check == rule.check:
            return other.verdict == rule.verdict
    rules.append(rule)
    return True


def _check(
    condition: Sequence[_Argument], narrow: bool, call: int | None
) -> bpf.Check | bpf.Bound | bpf.All | None:
    from runtime import bpf

    if call is not None:
        condition = [(0, "SCMP_CMP_EQ", call, 0), *(argument for argument in condition if argument[0])]
    checks = [check for argument in sorted(condition) if (check := _comparison(argument, narrow))]
    if len(checks) > 1:
        return bpf.All(tuple(checks))
    return checks[0] if checks else None


def _comparison(argument: _Argument, narrow: bool) -> bpf.Check | bpf.Bound | None:
    from runtime import bpf

    index, operator, value, second = argument
    limit = _WORD if narrow else 2**64 - 1
    datum = value & limit
    match operator:
        case "SCMP_CMP_MASKED_EQ":
            return bpf.Check(index, second & datum, datum) if datum else None
        case "SCMP_CMP_EQ" | "SCMP_CMP_NE":
            return bpf.Check(index, datum, limit, equal=operator == "SCMP_CMP_EQ")
    above = operator in ("SCMP_CMP_GT", "SCMP_CMP_GE")
    inclusive = operator in ("SCMP_CMP_GE", "SCMP_CMP_LT")
    return bpf.Bound(index, datum, above, inclusive, narrow)


def _tokens(description: Mapping[str, Any]) -> list[int]:
    tokens = {seccomp_numbers.native(): None}
    for name in _field(description, "architectures", list, []):
        token = seccomp_numbers.token(_known(name, _ARCHITECTURES, "architecture"))
        if not token:
            raise ProfileError(
                f"linux.seccomp: this host's libseccomp doesn't know {name}", "install a newer one"
            )
        tokens[token] = None
    return list(tokens)


def _has_flag(name: str) -> bool:
    alone = name != _WAIT_KILLABLE_RECV
    return syscalls.seccomp_has_flags(
        _FLAGS[name] | (0 if alone else syscalls.SECCOMP_FILTER_FLAG_NEW_LISTENER)
    )


def _field(holder: Mapping[str, Any], key: str, kind: type, default: Any = None) -> Any:
    """A value of a type; absent or null, the default, and where that is None an error."""
    value = holder.get(key)
    value = default if value is None else value
    if value is None:
        raise ProfileError(f"linux.seccomp: {key} is missing")
    if type(value) is not kind:
        raise ProfileError(f"linux.seccomp: {key} is no {_KINDS[kind]}")
    return value


def _number(holder: Mapping[str, Any], key: str, limit: int, default: int | None = None) -> int:
    value: int = _field(holder, key, int, default)
    if not 0 <= value <= limit:
        raise ProfileError(f"linux.seccomp: {key} {value} is not in 0 to {limit}")
    return value


def _text(value: Any, key: str) -> str:
    if not isinstance(value, str):
        raise ProfileError(f"linux.seccomp: an entry of {key} is no string")
    return value


def _known(name: Any, names: Collection[str], what: str) -> str:
    if not isinstance(name, str) or name not in names:
        raise ProfileError(f"linux.seccomp: unknown {what} {name!r}", f"known are {', '.join(names)}")
    return name
