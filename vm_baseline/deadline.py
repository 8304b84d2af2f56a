"""A time by which something is to have happened."""

import subprocess
import time


class Deadline:
    """So many seconds from now.

    Args:
        name: of what is waited for.
        timeout: seconds; None to wait for as long as it takes.
    """

    def __init__(self, name: str, timeout: float | None) -> None:
        self.name = name
        self._timeout = timeout
        self._at = None if timeout is None else time.monotonic() + timeout

    @property
    def left(self) -> float | None:
        """Seconds until then, 0 when it is over; None for as long as it takes."""
        return None if self._at is None else max(self._at - time.monotonic(), 0)

    def missed(self, kind: type[subprocess.TimeoutExpired] = subprocess.TimeoutExpired) -> Exception:
        """What to raise when it is over."""
        return kind(self.name, self._timeout or 0)
