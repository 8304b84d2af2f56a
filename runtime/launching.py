"""Starting the launcher process; all that is needed for it, so that it may be on its way before all else."""

# ruff: noqa: PTH120 - plain strings; a start can't afford pathlib's detours

import os
import socket
import subprocess
import sys
from typing import NamedTuple

from runtime.oci import sealed
from tare.state import PREFIX, State

_LAUNCHER = (
    "import os, sys; os.close(int(sys.argv[4])); sys.path.insert(0, sys.argv[3]);"
    " from runtime.launcher import main; main()"
)
_PROJECT = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))  # noqa: PTH100


class Launched(NamedTuple):
    """A launcher process, which ends when its control is closed.

    Args:
        control: takes requests; see runtime.launcher.
        process: the launcher.
    """

    control: socket.socket
    process: "subprocess.Popen[bytes]"

    def close(self) -> None:
        """End it with all its containers."""
        self.control.close()
        self.process.wait()


def launch(state: State) -> Launched:
    """Start a launcher; returns at once, and it does its first request when it is ready.

    Args:
        state: whose tag its containers carry.

    Raises:
        PrivilegeError: this host lets us protect its interpreter from containers by no means.
    """
    interpreter = sealed.seal(sys.executable)
    try:
        ours, theirs = socket.socketpair()
        with theirs:
            arguments = [str(theirs.fileno()), PREFIX + state.tag, _PROJECT, str(interpreter)]
            process = subprocess.Popen(
                [sys.executable, "-S", "-I", "-c", _LAUNCHER, *arguments],
                executable=f"/proc/self/fd/{interpreter}",
                pass_fds=[theirs.fileno(), interpreter],
                env=sealed.environment(),
                stdin=subprocess.DEVNULL,
                start_new_session=True,
            )
    finally:
        os.close(interpreter)
    return Launched(ours, process)
