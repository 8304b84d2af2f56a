"""The device controller of version 2, a BPF program; see bpf(2) and the kernel's admin-guide/cgroup-v2."""

import ctypes
import os
import struct

from runtime import devices, syscalls
from runtime.cgroups.files import refused

_PROG_LOAD = 5
_PROG_ATTACH = 8
_PROG_TYPE_CGROUP_DEVICE = 15
_CGROUP_DEVICE = 6
_ACCESS_MKNOD = 1
_TYPE_CHAR = 2

_LOAD_WORD = 0x61
_AND = 0x57
_SHIFT_RIGHT = 0x77
_MOVE = 0xB7
_JUMP_EQUAL = 0x15
_JUMP_NOT_EQUAL = 0x55
_EXIT = 0x95
_R0, _CONTEXT, _TYPE, _ACCESS, _MAJOR, _MINOR = range(6)


def _instruction(code: int, target: int = 0, source: int = 0, offset: int = 0, value: int = 0) -> bytes:
    return struct.pack("=BBhi", code, source << 4 | target, offset, value)


def _verdict(allowed: bool) -> bytes:
    return _instruction(_MOVE, _R0, value=int(allowed)) + _instruction(_EXIT)


def instructions() -> bytes:
    """The program, an array of struct bpf_insn: any node may be made, only the known ones opened."""
    parts = [
        _instruction(_LOAD_WORD, _TYPE, _CONTEXT, 0),
        _instruction(_AND, _TYPE, value=0xFFFF),
        _instruction(_LOAD_WORD, _ACCESS, _CONTEXT, 0),
        _instruction(_SHIFT_RIGHT, _ACCESS, value=16),
        _instruction(_LOAD_WORD, _MAJOR, _CONTEXT, 4),
        _instruction(_LOAD_WORD, _MINOR, _CONTEXT, 8),
        _instruction(_JUMP_NOT_EQUAL, _ACCESS, offset=2, value=_ACCESS_MKNOD),
        _verdict(True),
        _instruction(_JUMP_EQUAL, _TYPE, offset=2, value=_TYPE_CHAR),
        _verdict(False),
    ]
    for major, minor in (*((major, minor) for _, major, minor in devices.NODES), (5, 2)):
        parts += [
            _instruction(_JUMP_NOT_EQUAL, _MAJOR, offset=3, value=major),
            _instruction(_JUMP_NOT_EQUAL, _MINOR, offset=2, value=minor),
            _verdict(True),
        ]
    parts += [_instruction(_JUMP_NOT_EQUAL, _MAJOR, offset=2, value=136), _verdict(True), _verdict(False)]
    return b"".join(parts)


def attach(path: str) -> None:
    """Put the program on a group; it goes when the group does.

    Raises:
        CgroupError: the kernel refuses, for lack of privilege or of CONFIG_CGROUP_BPF.
    """
    program = instructions()
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
                syscalls.bpf(_PROG_ATTACH, struct.pack("=IIII", group, loaded, _CGROUP_DEVICE, 0))
            finally:
                os.close(group)
        finally:
            os.close(loaded)
    except OSError as error:
        raise refused(f"limit the devices of {path}", error) from error
