"""The last step: the command."""

from __future__ import annotations

import errno
import os

from runtime import syscalls
from runtime.steps.base import Base

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Sequence


class Command(Base):
    """Finds and executes the command."""

    def execute(self, argv: Sequence[str], environment: dict[str, str], path: str) -> None:
        """Become the command, sought along `path` when it has no slash."""
        self._detail = command = argv[0]
        syscalls.close_range(3, 0xFFFFFFFF, syscalls.CLOSE_RANGE_CLOEXEC)
        os.umask(0o022)
        candidates = (
            [command]
            if "/" in command
            else [f"{part}/{command}" for part in path.split(":") if part and command]
        )
        failure: OSError = FileNotFoundError(errno.ENOENT, "not found")
        for candidate in candidates:
            try:
                os.execve(candidate, tuple(argv), environment)
            except (FileNotFoundError, NotADirectoryError):
                continue
            except PermissionError as error:
                failure = error
        raise failure
