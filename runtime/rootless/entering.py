"""Entering the namespaces of an ordinary user, from outside; see setns(2)."""

import errno
import os
import socket
import subprocess
import sys
from contextlib import suppress
from pathlib import Path

from runtime import syscalls
from runtime.network import files
from runtime.rootless import delegation, holder, mapping, record, userns
from tare.errors import PrivilegeError
from tare.state import State

_FLAGS = syscalls.CLONE_NEWUSER | syscalls.CLONE_NEWNS
_HINTS = {
    "/proc/sys/kernel/unprivileged_userns_clone": (
        "0",
        "set the sysctl kernel.unprivileged_userns_clone to 1",
    ),
    "/proc/sys/user/max_user_namespaces": ("0", "set the sysctl user.max_user_namespaces to 10000"),
    "/proc/sys/kernel/apparmor_restrict_unprivileged_userns": (
        "1",
        "set the sysctl kernel.apparmor_restrict_unprivileged_userns to 0, or give python a profile",
    ),
}
_STEPS = {
    "start": "starting the holder of the namespaces",
    "unshare": "making a user namespace",
    "mount": "mounting in a user namespace",
    "network": "making a network namespace",
}


def enter(state: State) -> None:
    """See runtime.rootless.enter."""
    directory = str(state.directory("rootless", volatile=True))
    home = Path.home()
    here = os.open(".", os.O_PATH | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        with files.locked(f"{directory}/{holder.LOCK}"):
            known = record.load(directory)
            pidfd = known.pidfd() if known else -1
            is_held = pidfd >= 0
            if known and not is_held:
                pidfd = known.member()
            if pidfd < 0:
                pidfd = _start(directory, state.tag, "new")
                is_held = True
            delegation.join(directory, state.tag)
            try:
                _join(pidfd)
            finally:
                os.close(pidfd)
            if not is_held:
                os.close(_start(directory, state.tag, "again"))
            os.utime(f"{directory}/{holder.LOCK}")
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


def _start(directory: str, tag: str, kind: str) -> int:
    """Start a holder; its pidfd once it is on record.

    Raises:
        PrivilegeError: this host forbids something it needs.
    """
    ours, theirs = socket.socketpair()
    with ours:
        with theirs:
            process = subprocess.Popen(
                holder.command(directory, theirs.fileno(), kind),
                pass_fds=[theirs.fileno()],
                stdin=subprocess.DEVNULL,
                stdout=subprocess.DEVNULL,
                stderr=subprocess.DEVNULL,
                start_new_session=True,
            )
        pidfd = os.pidfd_open(process.pid)
        # It outlives us; whoever reaps it is not us.
        process.returncode = 0
        try:
            if kind == "new":
                _heed(ours.recv(64))
                if reason := mapping.write(process.pid):
                    print(f"tarebox: all files will be yours inside: {reason}", file=sys.stderr)
                ours.sendall(b"m")
            _heed(ours.recv(64))
            delegation.delegate(directory, process.pid, tag)
        except BaseException:
            os.close(pidfd)
            raise
    return pidfd


def _heed(message: bytes) -> None:
    """Take what the holder says.

    Raises:
        PrivilegeError: that it failed.
    """
    if message in {b"unshared", b"ready"}:
        return
    _, step, number = message.decode().split() if message else ("", "start", "0")
    reason = os.strerror(int(number)) if int(number) else "it has ended"
    hint = next(
        (hint for file, (value, hint) in _HINTS.items() if files.text(file).strip() == value),
        "see `tarebox doctor`",
    )
    raise PrivilegeError(
        f"an ordinary user may have no containers here: {_STEPS[step]}: {reason}", f"run as root, or {hint}"
    )
