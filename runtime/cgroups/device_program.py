"""The device controller of version 2, a BPF program; see bpf(2) and the kernel's admin-guide/cgroup-v2."""

from __future__ import annotations

import os
import struct

from runtime.cgroups.device_rules import ANY
from runtime.cgroups.files import refused

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Sequence

    from runtime.cgroups.device_rules import Rule

_PROG_LOAD = 5
_PROG_ATTACH = 8
_PROG_TYPE_CGROUP_DEVICE = 15
_CGROUP_DEVICE = 6
_ALLOW_MULTI = 2
_ACCESS = {"m": 1, "r": 2, "w": 4}
_TYPES = {"b": 1, "c": 2}
_FULL = 7

_LOAD_WORD = 0x61
_AND = 0x57
_SHIFT_RIGHT = 0x77
_MOVE = 0xB7
_MOVE_REGISTER = 0xBF
_JUMP_EQUAL = 0x15
_JUMP_NOT_EQUAL = 0x55
_EXIT = 0x95
_R0, _CONTEXT, _TYPE, _NEEDED, _MAJOR, _MINOR = range(6)


def _instruction(code: int, target: int = 0, source: int = 0, offset: int = 0, value: int = 0) -> bytes:
    return struct.pack("=BBhi", code, source << 4 | target, offset, value)


def _verdict(allowed: bool) -> bytes:
    return _instruction(_MOVE, _R0, value=int(allowed)) + _instruction(_EXIT)


def _decision(allow: bool, access: int) -> bytes:
    """What a matching rule does: decide, or strike what it allows off the modes still needed."""
    if access == _FULL:
        return _verdict(allow)
    if allow:
        strike = _instruction(_AND, _NEEDED, value=_FULL & ~access)
        return strike + _instruction(_JUMP_NOT_EQUAL, _NEEDED, offset=2) + _verdict(True)
    denied = _instruction(_MOVE_REGISTER, _R0, _NEEDED) + _instruction(_AND, _R0, value=access)
    return denied + _instruction(_JUMP_EQUAL, _R0, offset=2) + _verdict(False)


def instructions(rules: Sequence[Rule]) -> bytes:
    """The program, an array of struct bpf_insn: for each mode of an access the last matching rule decides."""
    parts = [
        _instruction(_LOAD_WORD, _TYPE, _CONTEXT, 0),
        _instruction(_AND, _TYPE, value=0xFFFF),
        _instruction(_LOAD_WORD, _NEEDED, _CONTEXT, 0),
        _instruction(_SHIFT_RIGHT, _NEEDED, value=16),
        _instruction(_LOAD_WORD, _MAJOR, _CONTEXT, 4),
        _instruction(_LOAD_WORD, _MINOR, _CONTEXT, 8),
    ]
    for allow, kind, major, minor, modes in reversed(rules):
        decision = _decision(allow, sum(_ACCESS[mode] for mode in set(modes)))
        wanted = [(_MAJOR, major), (_MINOR, minor)]
        if kind != "a":
            wanted.insert(0, (_TYPE, _TYPES[kind]))
        conditions = [(register, value) for register, value in wanted if value != ANY]
        past = len(decision) // 8
        parts += [
            _instruction(_JUMP_NOT_EQUAL, register, offset=past + len(conditions) - place, value=value)
            for place, (register, value) in enumerate(conditions, 1)
        ]
        parts.append(decision)
        if kind == "a":
            return b"".join(parts)
    return b"".join((*parts, _verdict(False)))


def attach(path: str, rules: Sequence[Rule]) -> None:
    """Put the program on a group; it goes when the group does.

    Raises:
        CgroupError: the kernel refuses, for lack of privilege or of CONFIG_CGROUP_BPF.
    """
    import ctypes

    from runtime import syscalls

    program = instructions(rules)
    code = ctypes.create_string_buffer(program, len(program))
    licence = ctypes.create_string_buffer(b"Apache-2.0")
    try:
        load = struct.pack(
            "=IIQQIIQI", _PROG_TYPE_CGROUP_DEVICE, len(program) // 8, ctypes.addressof(code),
            ctypes.addressof(licence), 0, 0, 0, 0,
        )  # fmt: skip
        loaded = syscalls.bpf(_PROG_LOAD, load)
        try:
            group = os.open(path, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
            try:
                syscalls.bpf(_PROG_ATTACH, struct.pack("=IIII", group, loaded, _CGROUP_DEVICE, _ALLOW_MULTI))
            finally:
                os.close(group)
        finally:
            os.close(loaded)
    except OSError as error:
        raise refused(f"limit the devices of {path}", error) from error
