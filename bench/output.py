"""The output of a payload, read from a pipe, with the moment of arrival."""

import os
import select
import time

from bench.pinning import waiting
from bench.subject import SubjectError

_CHUNK = 65536


class Output:
    """Reads a pipe and owns its descriptor.

    Args:
        fd: the read end.
        who: whose output it is, for the message.
    """

    def __init__(self, fd: int, who: str) -> None:
        self._fd = fd
        self._who = who
        self._poll = select.poll()
        self._poll.register(fd, select.POLLIN)
        self.data = bytearray()
        self.ended = False

    def wait_first(self, timeout: float) -> int:
        """Monotonic ns at which the first byte was there to read. Raises: SubjectError."""
        return self._next_chunk(time.monotonic() + timeout, "gave no output")

    def wait_for(self, mark: bytes, timeout: float) -> int:
        """Monotonic ns at which `mark` was there to read; now if it was before. Raises: SubjectError."""
        at = time.monotonic_ns()
        deadline = time.monotonic() + timeout
        while mark not in self.data:
            at = self._next_chunk(deadline, f"did not print {mark.decode(errors='replace')!r}")
        return at

    def _next_chunk(self, deadline: float, complaint: str) -> int:
        remaining = max(0.0, deadline - time.monotonic())
        with waiting():
            arrived = self._poll.poll(remaining * 1000)
            at = time.monotonic_ns()
        if not arrived:
            raise SubjectError(f"{self._who} {complaint} in time", "raise --timeout or look at its output")
        chunk = os.read(self._fd, _CHUNK)
        if not chunk:
            self.ended = True
            raise SubjectError(f"{self._who} {complaint} before it ended")
        self.data += chunk
        return at

    def close(self) -> None:
        """Release the descriptor; idempotent."""
        # Forgotten first, as an interrupt in between must not have it closed again.
        descriptor, self._fd = self._fd, -1
        if descriptor >= 0:
            os.close(descriptor)
