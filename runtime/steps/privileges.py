"""Steps that give up privileges."""

from __future__ import annotations

import errno
import os
import resource

from runtime import syscalls
from runtime.steps.base import Base

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Sequence


class Privileges(Base):
    """Limits, capabilities, user and system call filter."""

    def rlimits(self, limits: Sequence[tuple[int, int, int]]) -> None:
        """Set (resource, soft, hard) limits."""
        for number, soft, hard in limits:
            self._detail = f"{soft}:{hard} of resource {number}"
            try:
                resource.setrlimit(number, (soft, hard))
            except ValueError as error:
                raise OSError(errno.EPERM, str(error)) from error

    def oom_score_adj(self, score: int) -> None:
        """Set how likely the kernel kills it when memory is short."""
        self._detail = str(score)
        descriptor = os.open("/proc/self/oom_score_adj", os.O_WRONLY | os.O_CLOEXEC)
        try:
            os.write(descriptor, str(score).encode())
        finally:
            os.close(descriptor)

    def bounding_set(self, dropped: Sequence[int]) -> None:
        """Drop capabilities from the bounding set for good."""
        for number in dropped:
            syscalls.prctl(syscalls.PR_CAPBSET_DROP, number)

    def credentials(self, uid: int, gid: int, groups: Sequence[int] | None) -> None:
        """Become the user; the kernel clears the capabilities of any but uid 0."""
        if groups is not None:
            os.setgroups(groups)
        os.setresgid(gid, gid, gid)
        os.setresuid(uid, uid, uid)

    def capabilities(self, header: bytes, data: bytes) -> None:
        """Set effective, permitted and inheritable sets."""
        syscalls.capset(header, data)

    def no_new_privileges(self) -> None:
        """Give up gaining privileges through exec."""
        syscalls.prctl(syscalls.PR_SET_NO_NEW_PRIVS, 1)

    def seccomp(self, program: bytes, flags: int = syscalls.SECCOMP_FILTER_FLAG_SPEC_ALLOW) -> None:
        """Install the system call filter; flags are SECCOMP_FILTER_FLAG_*."""
        syscalls.seccomp_filter(program, flags)
