"""A detached machine's payload in the foreground, from now on."""

import os
from collections.abc import Callable
from itertools import islice

from tare.detaching import DetachKeys
from vm_baseline import log
from vm_baseline.detached import Detached
from vm_baseline.frames import Kind


class Attachment:
    """What `Foreground` follows; what the payload says is taken from its log, so nobody holds it up.

    Args:
        machine: whose payload it is.
        output: takes its standard output.
        errors: takes its standard error.
        keys: what leaves it running when it is typed; nothing when None.
    """

    def __init__(
        self,
        machine: Detached,
        output: Callable[[bytes], None],
        errors: Callable[[bytes], None],
        keys: DetachKeys | None,
    ) -> None:
        self._machine = machine
        self._sinks = {Kind.OUTPUT: output, Kind.ERRORS: errors}
        self._keys = keys
        self._said = sum(1 for _ in log.entries(machine.place.data))
        self._leaving = os.eventfd(0, os.EFD_CLOEXEC)
        self._has_left = False

    def wait_ready(self) -> int:
        """It runs already."""
        return 0

    def wait(self) -> int:
        """Wait until it has ended and all of its output is here; its exit status, 0 when it was left."""
        entries = log.entries(self._machine.place.data, self._stays, self._leaving)
        for frame in islice(entries, self._said, None):
            self._sinks[Kind(frame.kind)](frame.body)
        return 0 if self._has_left else self._machine.wait()

    def _stays(self) -> bool:
        return not self._has_left and self._machine.is_kept

    def destroy(self) -> None:
        """End the machine at once."""
        self._machine.destroy()

    def kill(self, signal: int, timeout: float | None = None) -> None:
        """Send it a signal."""
        self._machine.kill(signal, timeout)

    def resize(self, rows: int, columns: int, timeout: float | None = None) -> None:
        """Set the size of its terminal."""
        self._machine.resize(rows, columns, timeout)

    def write(self, data: bytes) -> None:
        """Give it input, or leave it when that ends with the keys."""
        if self._keys is not None:
            data, self._has_left = self._keys.pass_on(data)
        self._machine.write(data)
        if self._has_left:
            os.eventfd_write(self._leaving, 1)

    def close_stdin(self) -> None:
        """Its input stays open for who comes next, as Docker has it."""

    def close(self) -> None:
        """Leave it."""
        os.close(self._leaving)
