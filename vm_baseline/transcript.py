"""What a guest says on its serial line, told apart: boot messages, ready line, what came after it."""

import re

_KEPT = 256 << 10
"""Bytes of each part; of a guest that says more, the last are kept."""
_LONGEST_LINE = 1024
_REASON = re.compile("tare-guest: |(?<!end )Kernel panic")
_LOADER = re.compile(rb"Booting `")
"""What GRUB says once it has chosen what to boot."""
_KERNEL = re.compile(rb"^\r?\[ +0\.000000\] Linux version ", re.MULTILINE)
"""GRUB goes to the next line before it goes to its start."""


class Transcript:
    """Takes the bytes of the serial line as they arrive.

    Args:
        nonce: the word the ready line starts with, which nothing else in the guest knows.
    """

    def __init__(self, nonce: str) -> None:
        self._ready = re.compile(rf"{re.escape(nonce)}:ready (\d{{1,19}}) (\d{{1,19}})\r?\n".encode())
        self._preview = re.compile(rf"{re.escape(nonce)}:channel ((?:[0-9a-f]{{2}}){{1,256}})\r?\n".encode())
        self._boot = bytearray()
        self._half = b""
        self.output = bytearray()
        self.preview: bytes | None = None
        """The first bytes of the channel, where the guest could not open that soon enough."""
        self.loader = False
        """Whether a boot loader has said that it boots."""
        self.kernel = False
        """Whether the kernel has said its first line."""
        self.ready = False
        self.guest_times: tuple[int, int] | None = None
        """The guest's monotonic ns at its first instruction outside of the kernel, and when it was ready."""

    @property
    def boot(self) -> bytes:
        """What came before the ready line, or came at all if there was none."""
        return bytes(self._boot)

    def feed(self, data: bytes) -> bytes:
        """Take more bytes; returns what they add to the text after the ready line, with plain newlines."""
        if self.ready:
            return self._note(data)
        self._boot += data
        start = max(len(self._boot) - len(data) - _LONGEST_LINE, 0)
        self.loader = self.loader or _LOADER.search(self._boot, start) is not None
        self.kernel = self.kernel or _KERNEL.search(self._boot, start) is not None
        match = self._ready.search(self._boot, start)
        if match is None:
            del self._boot[:-_KEPT]
            return b""
        self.ready = True
        self.guest_times = int(match[1]), int(match[2])
        rest = bytes(self._boot[match.end() :])
        del self._boot[match.start() :]
        del self._boot[:-_KEPT]
        return self._note(rest)

    def last_line(self) -> str:
        """Why the guest's kernel or process 1 gave up, or else the last line it said, for a person."""
        text = (self.output or self._boot).decode(errors="replace")
        lines = [line.strip() for line in text.splitlines() if line.strip()]
        reasons = [line for line in lines if _REASON.search(line)]
        return (reasons or lines or [""])[-1]

    def _note(self, data: bytes) -> bytes:
        data = self._half + data
        self._half = data[-1:] if data.endswith(b"\r") else b""
        new = data.removesuffix(b"\r").replace(b"\r\n", b"\n") if self._half else data.replace(b"\r\n", b"\n")
        self.output += new
        start = max(len(self.output) - len(new) - _LONGEST_LINE, 0)
        if self.preview is None and (match := self._preview.search(self.output, start)):
            self.preview = bytes.fromhex(match[1].decode())
            del self.output[match.start() : match.end()]
        del self.output[:-_KEPT]
        return new
