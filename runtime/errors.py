"""The errors of containers."""

import errno
import os

from tare.errors import ExitCode, TareError


class CgroupError(TareError):
    """A control group could not be made, limited or read."""

    exit_code = ExitCode.CGROUP


class EngineError(TareError):
    """The launcher or the kernel refused to make a container."""

    exit_code = ExitCode.ENGINE


class CommandNotFoundError(TareError):
    """The image has no such command."""

    exit_code = ExitCode.NOT_FOUND


class CommandNotExecutableError(TareError):
    """The command is in the image and can't be executed."""

    exit_code = ExitCode.NOT_EXECUTABLE


_HINTS = {
    errno.EPERM: "run as root, or see `tarebox doctor`",
    errno.ELOOP: "the image has a symbolic link where a directory is needed",
    errno.ENOSYS: "this kernel is too old, Linux 5.14 or later is needed",
    errno.ENODEV: "this kernel lacks the filesystem, see `tarebox doctor`",
    errno.ENOSPC: "a limit on namespaces or memory is reached, see user_namespaces(7)",
}


def setup_error(step: str, number: int, detail: str) -> TareError:
    """The error for a step that failed inside the new process.

    Args:
        step: name of a method of runtime.child.Child, or `clone` or `join`.
        number: the errno.
        detail: the path or command concerned, may be empty.
    """
    reason = os.strerror(number)
    if step == "execute":
        if number in (errno.ENOENT, errno.ENOTDIR):
            return CommandNotFoundError(
                f"command {detail!r} not found in the image", "check the name and PATH"
            )
        return CommandNotExecutableError(
            f"command {detail!r} can't be executed: {reason}", "check its mode and format"
        )
    if step == "change_directory":
        return CommandNotExecutableError(
            f"can't enter the working directory {detail}: {reason}", "name a directory that is there"
        )
    if step == "bind" and number == errno.EISDIR:
        return EngineError(
            f"can't mount {detail}: one is a directory and the other is a file", "check both paths"
        )
    subject = f"{step.replace('_', ' ')} {detail}".rstrip()
    if step in ("open_groups", "join_groups"):
        return CgroupError(f"can't join the control group: {subject}: {reason}", _HINTS.get(number, ""))
    return EngineError(f"can't set up the container: {subject}: {reason}", _HINTS.get(number, ""))
