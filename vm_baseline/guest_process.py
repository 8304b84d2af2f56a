"""A process in the guest as the host sees it: its streams, signals and end."""

import contextlib
import subprocess
import threading
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from signal import Signals

from vm_baseline.deadline import Deadline
from vm_baseline.errors import HypervisorError
from vm_baseline.frames import PIECE, WINDOW, Frame, Kind

TAKEN_WITHIN = 10.0
"""Seconds that a guest has to take a signal or the like: only one that has stalled needs them."""
_LAST_TRY = 2.0
"""Seconds for the end of a process whose own time is over."""
_UNLIMITED = 1 << 31
Sink = Callable[[bytes], None]
Sinks = tuple[Sink | None, Sink | None]
"""For standard output and standard error."""


class NotSentError(subprocess.TimeoutExpired):
    """The guest took nothing until the deadline, and nothing of the frame has been sent."""


class GuestProcess:
    """One process; the payload is number 0.

    What it writes waits here, a window of bytes at most, until `communicate` takes it; so a guest that writes
    much waits for whoever reads it, and costs the host no memory.

    Args:
        number: on the channel.
        name: for faults.
        send: sends a frame, or raises `subprocess.TimeoutExpired` at the deadline.
        changed: notified at every arrival on the channel.
        ended: why the channel has ended, or nothing.
    """

    def __init__(
        self,
        number: int,
        name: str,
        send: Callable[[Frame, Deadline], None],
        changed: threading.Condition,
        ended: Callable[[], str],
    ) -> None:
        self.number = number
        self.status: int | None = None
        self.first_output_ns: int | None = None
        self._name = name
        self._send = send
        self._changed = changed
        self._ended = ended
        self._arrived: deque[tuple[int, bytes]] = deque()
        self._credit = WINDOW
        self._taken = 0
        self._abandoned = False

    def arrive(self, frame: Frame, at: int) -> None:
        """Take a frame; called with the condition held.

        Args:
            frame: about this process.
            at: monotonic ns.
        """
        if frame.kind in (Kind.OUTPUT, Kind.ERRORS):
            self.first_output_ns = self.first_output_ns or at
            if not self._abandoned:
                self._arrived.append((frame.kind, frame.body))
        elif frame.kind == Kind.CREDIT:
            self._credit += int.from_bytes(frame.body, "little")
        elif frame.kind == Kind.STATUS:
            self.status = int.from_bytes(frame.body, "little")

    @property
    def finished(self) -> bool:
        """Whether it has ended and all of its output has been taken."""
        return self.status is not None and not self._arrived

    @property
    def waiting(self) -> int:
        """Bytes of its output that nobody has taken yet."""
        with self._changed:
            return sum(len(data) for _, data in self._arrived)

    def write(self, data: bytes, timeout: float | None = None) -> None:
        """Give it input; waits while it takes none. What a process that has ended is given is dropped.

        Raises:
            subprocess.TimeoutExpired: it has not taken all within the seconds given.
            HypervisorError: the guest has ended.
        """
        deadline = Deadline(self._name, timeout)
        rest = memoryview(data)
        while rest and self.status is None:
            self._await(lambda: bool(self._credit) or self.status is not None, deadline)
            rest = rest[self._give(rest, deadline) :]

    def close_input(self, timeout: float = TAKEN_WITHIN) -> None:
        """End its input; on a terminal this is its end-of-file character. Raises as `write`."""
        self._tell(Kind.INPUT, b"", timeout)

    def kill(
        self, signal: int = Signals.SIGTERM, *, whole_group: bool = False, timeout: float = TAKEN_WITHIN
    ) -> None:
        """Send a signal to it, or to it and all of its process group. Raises as `write`."""
        self._tell(Kind.SIGNAL, bytes((signal, whole_group)), timeout)

    def resize(self, rows: int, columns: int, timeout: float = TAKEN_WITHIN) -> None:
        """Set the size of its terminal, of which it is told by SIGWINCH. Raises as `write`."""
        self._tell(Kind.SIZE, rows.to_bytes(2, "little") + columns.to_bytes(2, "little"), timeout)

    def _tell(self, kind: Kind, body: bytes, timeout: float) -> None:
        self._send(Frame(kind, self.number, body), Deadline(self._name, timeout))

    def communicate(
        self,
        stdin: bytes | Iterable[bytes] | None = None,
        output: Sink | None = None,
        errors: Sink | None = None,
        timeout: float | None = None,
    ) -> int:
        """Give it all of its input and take all of its output until it has ended; its exit status.

        Args:
            stdin: its whole input, or None to leave it as it is.
            output: called with each piece of its standard output, which is dropped otherwise.
            errors: called with each piece of its standard error.
            timeout: seconds.

        Raises:
            subprocess.TimeoutExpired: it took longer; it was killed, with its process group.
            HypervisorError: the guest ended before it did.
        """
        deadline = Deadline(self._name, timeout)
        pieces = None if stdin is None else _pieces(stdin)
        rest = memoryview(b"")
        try:
            while not self.finished:
                if pieces is not None and not rest:
                    rest = memoryview(next(pieces, b""))
                    if not rest:
                        pieces = None
                        self._send(Frame(Kind.INPUT, self.number), deadline)
                self._await(self._may_give if rest else self._has_news, deadline)
                if rest and self._credit:
                    rest = rest[self._give(rest, deadline) :]
                self._deliver({Kind.OUTPUT: output, Kind.ERRORS: errors}, deadline)
        except BaseException:
            self._abandon()
            raise
        assert self.status is not None
        return self.status

    def _has_news(self) -> bool:
        return bool(self._arrived) or self.status is not None

    def _may_give(self) -> bool:
        return bool(self._credit) or self._has_news()

    def _abandon(self) -> None:
        """Kill it and let go what it still writes, so that its end comes through."""
        with self._changed:
            self._abandoned = True
            self._arrived.clear()
        # It is gone as well then, or the guest has stalled.
        with contextlib.suppress(HypervisorError, subprocess.TimeoutExpired):
            self.kill(Signals.SIGKILL, whole_group=True, timeout=_LAST_TRY)
            self._tell(Kind.CREDIT, _UNLIMITED.to_bytes(4, "little"), _LAST_TRY)

    def _deliver(self, sinks: dict[Kind, Sink | None], deadline: Deadline) -> None:
        while True:
            with self._changed:
                if not self._arrived:
                    return
                kind, data = self._arrived[0]
            if sink := sinks[Kind(kind)]:
                sink(data)
            with self._changed:
                # Only now, for `finished` says that all has been taken.
                self._arrived.popleft()
                self._taken += len(data)
                taken = self._taken if self._taken >= WINDOW // 4 and self.status is None else 0
                self._taken -= taken
                if self.finished:
                    self._changed.notify_all()
            if taken:
                self._send(Frame(Kind.CREDIT, self.number, taken.to_bytes(4, "little")), deadline)

    def _give(self, data: memoryview, deadline: Deadline) -> int:
        with self._changed:
            size = min(len(data), PIECE, self._credit)
            self._credit -= size
        if size and self.status is None:
            try:
                self._send(Frame(Kind.INPUT, self.number, bytes(data[:size])), deadline)
            except NotSentError:
                with self._changed:
                    self._credit += size
                raise
        return size if self.status is None else len(data)

    def _await(self, happened: Callable[[], object], deadline: Deadline) -> None:
        with self._changed:
            if not self._changed.wait_for(lambda: happened() or bool(self._ended()), deadline.left):
                raise deadline.missed()
            if not happened():
                raise HypervisorError(f"{self._ended()} before {self._name} could run to its end")


def _pieces(data: bytes | Iterable[bytes]) -> Iterator[bytes]:
    return iter([data] if isinstance(data, bytes) else data)
