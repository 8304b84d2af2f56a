"""Our own terminal, lent to a container: raw while that has it; see termios(3)."""

import fcntl
import os
import struct
from types import TracebackType
from typing import Self

_TIOCGWINSZ = 0x5413
_TIOCSWINSZ = 0x5414


def size(descriptor: int) -> tuple[int, int] | None:
    """Rows and columns of a terminal; None where it is none or has none."""
    try:
        answer = fcntl.ioctl(descriptor, _TIOCGWINSZ, bytes(8))
    except OSError:
        return None
    rows, columns, _, _ = struct.unpack("=4H", answer)
    return (rows, columns) if rows and columns else None


def resize(descriptor: int, rows: int, columns: int) -> None:
    """Tell a terminal its size."""
    fcntl.ioctl(descriptor, _TIOCSWINSZ, struct.pack("=4H", rows, columns, 0, 0))


class Raw:
    """A context in which a terminal edits no lines and sends no signals; other descriptors are left alone.

    Args:
        descriptor: the terminal.
    """

    def __init__(self, descriptor: int) -> None:
        self._descriptor = descriptor
        self._before: list[object] | None = None

    def __enter__(self) -> Self:
        if os.isatty(self._descriptor):
            import termios
            import tty

            self._before = termios.tcgetattr(self._descriptor)
            # What was typed ahead is kept.
            tty.setraw(self._descriptor, termios.TCSANOW)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, value: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._before is not None:
            import termios

            termios.tcsetattr(self._descriptor, termios.TCSADRAIN, self._before)  # type: ignore[arg-type]
