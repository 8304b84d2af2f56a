"""What libseccomp knows: architectures, and the numbers of system calls on each; seccomp_arch_add(3)."""

from __future__ import annotations

import ctypes
from functools import cache

from runtime.errors import EngineError

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator

# What libseccomp calls the calls behind socketcall(2) and ipc(2): a base minus the first argument.
_MULTIPLEXED = {range(-120, -100): "socketcall", range(-224, -200): "ipc"}
_COUNTED = 600
_BEFORE_EXIT = 100
_AUDIT_64BIT = 0x80000000
_AUDIT_MIPS64_N32 = 0x20000000


def native() -> int:
    """The SCMP_ARCH_* value of this host.

    Raises:
        EngineError: libseccomp is missing.
    """
    value: int = _library().seccomp_arch_native()
    return value


def token(architecture: str) -> int:
    """The SCMP_ARCH_* value of that name, which but for x32 is the AUDIT_ARCH_* value; 0 if unknown.

    Raises:
        EngineError: libseccomp is missing.
    """
    name = architecture.removeprefix("SCMP_ARCH_").lower()
    value: int = _library().seccomp_arch_resolve_name(name.encode())
    return value


class Numbers:
    """The system call numbers of one architecture.

    Attributes:
        narrow: whether arguments have 32 bits.

    Args:
        token: libseccomp's SCMP_ARCH_* value.

    Raises:
        EngineError: libseccomp is missing.
    """

    def __init__(self, token: int) -> None:
        self._library = _library()
        self._token = token
        self._found: dict[str, list[tuple[int, int | None]]] = {}
        self._names: dict[str, int] = {}
        self.narrow = not token & _AUDIT_64BIT or token & _AUDIT_MIPS64_N32 == _AUDIT_MIPS64_N32

    def of(self, name: str) -> list[tuple[int, int | None]]:
        """Where a call arrives: (number, None), or (number of socketcall or ipc, its first argument)."""
        if name not in self._found:
            self._found[name] = list(self._places(name))
        return self._found[name]

    def _places(self, name: str) -> Iterator[tuple[int, int | None]]:
        number = self._resolve(name)
        if number >= 0:
            yield number, None
            return
        for calls, through in _MULTIPLEXED.items():
            multiplexer = self._resolve(through)
            if number in calls and multiplexer >= 0:
                yield multiplexer, calls.stop - number
                if name in self.by_name():
                    yield self.by_name()[name], None

    def _resolve(self, name: str) -> int:
        if not (name.isascii() and name.isidentifier()):
            return -1
        number: int = self._library.seccomp_syscall_resolve_name_arch(self._token, name.encode())
        return number

    def by_name(self) -> dict[str, int]:
        """All of its calls, also those that libseccomp, asked by name, finds behind socketcall and ipc."""
        if not self._names:
            first = max(0, self._resolve("exit") - _BEFORE_EXIT)
            for number in range(first, first + _COUNTED):
                address = self._library.seccomp_syscall_resolve_num_arch(self._token, number)
                if address:
                    self._names[ctypes.string_at(address).decode()] = number
                    self._library.free(address)
        return self._names


@cache
def _library() -> ctypes.CDLL:
    try:
        library = ctypes.CDLL("libseccomp.so.2")
    except OSError:
        hint = "install the package libseccomp2 (libseccomp)"
        raise EngineError("libseccomp, which knows the system call numbers, is not installed", hint) from None
    library.seccomp_arch_native.restype = ctypes.c_uint32
    library.seccomp_arch_resolve_name.restype = ctypes.c_uint32
    library.seccomp_syscall_resolve_name_arch.argtypes = (ctypes.c_uint32, ctypes.c_char_p)
    library.seccomp_syscall_resolve_num_arch.argtypes = (ctypes.c_uint32, ctypes.c_int)
    library.seccomp_syscall_resolve_num_arch.restype = ctypes.c_void_p
    library.free.argtypes = (ctypes.c_void_p,)
    return library
