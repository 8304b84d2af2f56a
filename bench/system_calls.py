"""Which system calls a workload reaches, as bench/payload/syscalls.c found them one by one."""

import errno
import signal
from collections.abc import Iterable
from dataclasses import dataclass

from runtime.seccomp_numbers import Numbers, native

_LEFT_OUT = frozenset({"sync", "setsid"})
"""The first acts on all of the host's disks, the second is what the program itself begins with."""
_REFUSED = frozenset(f"errno {number}" for number in (errno.EPERM, errno.EACCES)) | {
    f"signal {signal.SIGSYS:d}"
}
_ABSENT = f"errno {errno.ENOSYS}"


@dataclass(frozen=True)
class Outcomes:
    """Names of system calls by what became of them.

    Args:
        reached: the kernel looked at their arguments, or carried them out.
        refused: EPERM, EACCES or SIGSYS (seccomp(2)), whoever said so.
        absent: ENOSYS: the kernel doesn't have them, or a filter says so.
    """

    reached: tuple[str, ...]
    refused: tuple[str, ...]
    absent: tuple[str, ...]


def numbers() -> dict[int, str]:
    """The calls to try by their numbers on this architecture. Raises: EngineError without libseccomp."""
    known = Numbers(native()).by_name()
    return {number: name for name, number in sorted(known.items()) if name not in _LEFT_OUT}


def outcomes(lines: Iterable[str]) -> Outcomes:
    """Sort what the program printed."""
    names = numbers()
    found = {names[int(number)]: what for number, _, what in (line.strip().partition(" ") for line in lines)}
    refused = tuple(name for name, what in found.items() if what in _REFUSED)
    absent = tuple(name for name, what in found.items() if what == _ABSENT)
    return Outcomes(tuple(name for name in found if name not in refused + absent), refused, absent)
