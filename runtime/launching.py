"""Starting the launcher process; all that is needed for it, so that it may be on its way before all else."""

# ruff: noqa: PTH120 - plain strings; a start can't afford pathlib's detours

import os
import sys
from contextlib import closing, suppress
from typing import NamedTuple

from runtime.light import signal, socket
from runtime.oci import sealed
from tare.state import PREFIX, State

_LAUNCHER = (
    "import os, sys; os.close(int(sys.argv[4])); sys.path.insert(0, sys.argv[3]);"
    " from runtime.launcher import main; main()"
)
_PROJECT = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))  # noqa: PTH100


class Launcher:
    """A child of ours; `subprocess` has more, and takes a millisecond to import.

    Args:
        pid: its id.
    """

    def __init__(self, pid: int) -> None:
        self.pid = pid
        self._has_ended = False

    def wait(self) -> None:
        """Wait for its end; nothing the second time, when its id may be another's."""
        if not self._has_ended:
            # Who ignores SIGCHLD has no children to ask for.
            with suppress(ChildProcessError):
                os.waitpid(self.pid, 0)
            self._has_ended = True


class Launched(NamedTuple):
    """A launcher process, which ends when its control is closed.

    Args:
        control: takes requests; see runtime.launcher.
        process: the launcher.
    """

    control: socket.socket
    process: Launcher

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
        with closing(theirs):
            arguments = [str(theirs.fileno()), PREFIX + state.tag, _PROJECT, str(interpreter)]
            kept = [(os.POSIX_SPAWN_DUP2, number, number) for number in (theirs.fileno(), interpreter)]
            pid = os.posix_spawn(
                f"/proc/self/fd/{interpreter}",
                [sys.executable, "-S", "-I", "-c", _LAUNCHER, *arguments],
                sealed.environment(),
                file_actions=[(os.POSIX_SPAWN_OPEN, 0, os.devnull, os.O_RDONLY, 0), *kept],
                setsid=True,
                setsigdef=(signal.SIGPIPE, signal.SIGXFSZ),
            )
    finally:
        os.close(interpreter)
    return Launched(ours, Launcher(pid))
