"""Starting the holder, from outside: it can't map the ids in its user namespace itself."""

import os
import socket
import subprocess
import sys

from runtime.network import files
from runtime.rootless import delegation, holder, mapping
from tare.errors import PrivilegeError

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


def start(directory: str, tag: str, kind: str) -> int:
    """Start a holder; its pidfd once it is on record.

    Args:
        directory: of its files.
        tag: of the state.
        kind: `new`, or `again` where the caller is in namespaces already that it is to hold.

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
