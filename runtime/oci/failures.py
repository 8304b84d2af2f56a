"""What a person, and a caller that reads the text, is told of a step that failed in the new process."""

from __future__ import annotations

import errno
import os

from runtime.errors import CgroupError
from runtime.oci.errors import HookError, OciError
from tare.errors import TareError

_HINTS = {
    errno.ELOOP: "the image has a symbolic link where a directory is needed",
    errno.ENOSYS: "this kernel is too old, Linux 5.14 or later is needed",
    errno.ENODEV: "this kernel lacks the filesystem",
    errno.ENOSPC: "a limit on namespaces or memory is reached, see user_namespaces(7)",
}


_OTHER_WORDS = {errno.EACCES: "access is denied", errno.ENOENT: "it is not there"}
"""Docker takes the kernel's own words for a fault of the command."""


def setup_failure(step: str, number: int, detail: str) -> TareError:
    """The error for a step of runtime.oci.init.Init, or `clone`, `join` or `map`.

    Callers tell a missing command (exit status 127) from one that can't be executed (126) by the words that
    the kernel and runc have for them, so those words are kept.

    Args:
        step: name of the step.
        number: the errno.
        detail: the path, command or reason concerned, may be empty.
    """
    reason = os.strerror(number).lower()
    if step not in {"find_command", "command", "enter_directory"}:
        reason = _OTHER_WORDS.get(number, reason)
    if step == "hooks":
        return HookError(detail)
    if step in {"find_command", "command"}:
        return _unfound(number, detail, reason)
    if step in {"open_groups", "join_groups"}:
        return CgroupError(f"can't join the control group {detail}: {reason}")
    if step == "enter_directory":
        return OciError(f"can't enter the working directory {detail}: {reason}", "it has to be in the image")
    if step == "user" and number == errno.EINVAL:
        return OciError("the user or a group has no mapping in the user namespace", "see linux.uidMappings")
    subject = f"{step.replace('_', ' ')} {detail}".rstrip()
    return OciError(f"can't set up the container: {subject}: {reason}", _HINTS.get(number, ""))


def _unfound(number: int, command: str, reason: str) -> OciError:
    if number == errno.ENOENT and "/" not in command:
        return OciError(f'exec: "{command}": executable file not found in $PATH')
    return OciError(f'exec: "{command}": {reason}', "check the command, its mode and its format")
