"""The keys that leave a container alone while it runs on, as `--detach-keys` names them."""

from tare.errors import UsageError

DETACH_KEYS = "ctrl-p,ctrl-q"
_CONTROLS = {"@": 0, "[": 27, "\\": 28, "]": 29, "^": 30, "_": 31}


class DetachKeys:
    """Looks for the keys in what is typed.

    Args:
        text: keys between commas, each a character or `ctrl-` and one of a to z, @, [, \\, ], ^ and _.

    Raises:
        UsageError: a key is none.
    """

    def __init__(self, text: str) -> None:
        self._keys = b"".join(map(_key, text.split(",")))
        self._held = b""

    def pass_on(self, typed: bytes) -> tuple[bytes, bool]:
        """What of it is meant for the container, and whether it ended with the keys.

        The beginning of the keys is held back until it is clear that something else follows.
        """
        meant = bytearray()
        for byte in typed:
            self._held += bytes([byte])
            while not self._keys.startswith(self._held):
                meant += self._held[:1]
                self._held = self._held[1:]
            if self._held == self._keys:
                self._held = b""
                return bytes(meant), True
        return bytes(meant), False


def _key(text: str) -> bytes:
    if len(text) == 1 and text.isascii():
        return text.encode()
    name = text.removeprefix("ctrl-")
    if name != text and len(name) == 1 and "a" <= name.lower() <= "z":
        return bytes([ord(name.lower()) - ord("a") + 1])
    if name != text and name in _CONTROLS:
        return bytes([_CONTROLS[name]])
    raise UsageError(f"{text!r} is no key", "write such as ctrl-p,ctrl-q")
