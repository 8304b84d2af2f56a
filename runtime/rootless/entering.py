"""Entering the namespaces of an ordinary user, from outside; see setns(2)."""

import errno
import os
from contextlib import suppress
from pathlib import Path

from runtime import syscalls
from runtime.network import files
from runtime.rootless import delegation, record, userns
from tare.errors import PrivilegeError
from tare.state import State

_FLAGS = syscalls.CLONE_NEWUSER | syscalls.CLONE_NEWNS


def enter(state: State) -> None:
    """See runtime.rootless.enter."""
    directory = str(state.directory("rootless", volatile=True))
    home = Path.home()
    here = os.open(".", os.O_PATH | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        with files.locked(f"{directory}/{record.LOCK}"):
            known = record.load(directory)
            pidfd = known.pidfd() if known else -1
            is_held = pidfd >= 0
            if known and not is_held:
                pidfd = known.member()
            if pidfd < 0:
                pidfd = _started(directory, state.tag, "new")
                is_held = True
            delegation.join(directory, state.tag)
            try:
                _join(pidfd)
            finally:
                os.close(pidfd)
            if not is_held:
                os.close(_started(directory, state.tag, "again"))
            os.utime(f"{directory}/{record.LOCK}")
        with suppress(OSError):
            # The same place, as the mounts of these namespaces are others than the host's.
            os.chdir(Path(f"/proc/self/fd/{here}").readlink())
    finally:
        os.close(here)
    os.environ[userns.VARIABLE] = directory
    os.environ.setdefault("HOME", str(home))


def _join(pidfd: int) -> None:
    try:
        syscalls.setns(pidfd, _FLAGS)
    except OSError as error:
        reason = "it has threads" if error.errno == errno.EINVAL else str(error.strerror)
        raise PrivilegeError(
            f"this process can't enter the user namespace of its containers: {reason}",
            "run `tarebox clean`, or use the command line in place of the library",
        ) from None


def _started(directory: str, tag: str, kind: str) -> int:
    from runtime.rootless import starting

    return starting.start(directory, tag, kind)
