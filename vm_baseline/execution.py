"""One more command in a machine that runs, with our streams."""

import contextlib
import subprocess
from collections.abc import Callable

from vm_baseline.guest_process import GuestProcess


class Execution:
    """What `Foreground` follows.

    Args:
        process: in the guest.
        output: takes its standard output.
        errors: takes its standard error.
    """

    def __init__(
        self, process: GuestProcess, output: Callable[[bytes], None], errors: Callable[[bytes], None]
    ) -> None:
        self._process = process
        self._output = output
        self._errors = errors

    def wait_ready(self) -> int:
        """It has been started already."""
        return 0

    def wait(self) -> int:
        """Wait until it has ended and all of its output is here; its exit status."""
        return self._process.communicate(None, self._output, self._errors)

    def destroy(self) -> None:
        """Kill it, with its process group; a guest that has stalled can only be ended whole."""
        with contextlib.suppress(subprocess.TimeoutExpired):
            self._process.kill(9, whole_group=True)

    def kill(self, signal: int, _timeout: float | None = None) -> None:
        """Send it a signal."""
        self._process.kill(signal)

    def resize(self, rows: int, columns: int, _timeout: float | None = None) -> None:
        """Set the size of its terminal."""
        self._process.resize(rows, columns)

    def write(self, data: bytes) -> None:
        """Give it input."""
        self._process.write(data)

    def close_stdin(self) -> None:
        """End its input."""
        self._process.close_input()
