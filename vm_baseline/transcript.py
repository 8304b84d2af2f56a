"""What a guest says on its serial line, told apart: boot messages, ready line, payload output, exit line."""

import re


class Transcript:
    """Takes the bytes of the serial line as they arrive.

    The guest's terminal writes each newline as carriage return and newline, which is undone here, so the
    payload's output comes out byte for byte.

    Args:
        nonce: the word the ready and exit lines start with.
    """

    def __init__(self, nonce: str) -> None:
        self._ready = f"{nonce}:ready\r\n".encode()
        self._exit = re.compile(f"{nonce}:exit (\\d+)\r\n".encode())
        self._exit_start = f"{nonce}:exit ".encode()
        self._rest = b""
        self.boot = b""
        self.output = bytearray()
        self.ready = False
        self.status: int | None = None

    def feed(self, data: bytes) -> bytes:
        """Take more bytes; returns what they add to the payload's output."""
        if self.status is not None:
            return b""
        self._rest += data
        if not self.ready:
            before, found, after = self._rest.partition(self._ready)
            if not found:
                return b""
            self.ready, self.boot, self._rest = True, before, after
        if match := self._exit.search(self._rest):
            self.status = int(match[1])
            new, self._rest = self._rest[: match.start()], b""
        else:
            cut = self._undecided()
            new, self._rest = self._rest[:cut], self._rest[cut:]
        new = new.replace(b"\r\n", b"\n")
        self.output += new
        return new

    def last_line(self) -> str:
        """The last line the guest said, for a person."""
        lines = (self._rest if not self.ready else bytes(self.output)).decode(errors="replace").split("\n")
        return next((line.strip() for line in reversed(lines) if line.strip()), "")

    def _undecided(self) -> int:
        """Where the part starts that may turn out to be the exit line or half a newline."""
        start = self._rest.rfind(self._exit_start)
        if start >= 0:
            return start
        for length in range(min(len(self._exit_start), len(self._rest)), 0, -1):
            if self._rest.endswith(self._exit_start[:length]):
                return len(self._rest) - length
        return len(self._rest) - (1 if self._rest.endswith(b"\r") else 0)
