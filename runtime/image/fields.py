"""JSON objects of strangers, read field by field; what is not asked for is kept."""

from typing import Any

from runtime import light
from tare.errors import ImageError


class Fields:
    """One JSON object of an image's documents; null counts as absent, as Go's encoder writes it.

    Args:
        value: the parsed object.
        what: what it is, for messages.

    Raises:
        ImageError: it is not an object; so do the readers where a field has another type.
    """

    def __init__(self, value: object, what: str) -> None:
        if not isinstance(value, dict):
            raise ImageError(f"{what} is not a JSON object", "the image is broken, get it again")
        self._rest = dict(value)
        self._what = what

    @classmethod
    def parse(cls, data: bytes, what: str) -> "Fields":
        """The object a document consists of."""
        try:
            return cls(light.loads(data.decode()), what)
        except (ValueError, RecursionError) as error:
            raise ImageError(f"{what} is not JSON", "the image is broken, get it again") from error

    def text(self, name: str) -> str:
        """A string, empty when absent."""
        return self._text(name, self._take(name, str, ""))

    def whole(self, name: str) -> int:
        """A number of bytes or the like: whole, not negative, below 2**63."""
        value = self._take(name, int, -1)
        if isinstance(value, bool) or not 0 <= value < 1 << 63:
            raise self._wrong(name)
        return int(value)

    def flag(self, name: str) -> bool:
        """A truth value, false when absent."""
        return bool(self._take(name, bool, False))

    def texts(self, name: str) -> tuple[str, ...]:
        """A list of strings."""
        return tuple(self._text(name, entry) for entry in self._take(name, list, []))

    def values(self, name: str) -> list[Any]:
        """A list of anything."""
        return list(self._take(name, list, []))

    def labels(self, name: str) -> dict[str, str]:
        """An object whose values are strings."""
        return {
            self._text(name, key): self._text(name, text) for key, text in self._take(name, dict, {}).items()
        }

    def names(self, name: str) -> tuple[str, ...]:
        """The keys of an object that stands for a set, as `{"80/tcp": {}}`."""
        return tuple(self._text(name, key) for key in self._take(name, dict, {}))

    def mapping(self, name: str) -> dict[str, Any] | None:
        """An object as it is, or None."""
        found: dict[str, Any] | None = self._take(name, dict, None)
        return found

    def rest(self) -> dict[str, Any]:
        """The fields nobody asked for."""
        return self._rest

    def _take(self, name: str, kind: type, default: Any) -> Any:
        value = self._rest.pop(name, None)
        if value is None:
            return default
        if not isinstance(value, kind):
            raise self._wrong(name)
        return value

    def _text(self, name: str, value: object) -> str:
        if not isinstance(value, str) or "\0" in value or not (value.isascii() or _is_unicode(value)):
            raise self._wrong(name)
        return value

    def _wrong(self, name: str) -> ImageError:
        return ImageError(f"{name} of {self._what} has no meaning", "the image is broken, get it again")


def document(fields: dict[str, Any]) -> bytes:
    """A JSON document without empty fields (a list stays), the same bytes for the same fields."""
    import json

    return json.dumps(without_empty(fields), ensure_ascii=False, separators=(",", ":")).encode()


def without_empty(fields: dict[str, Any]) -> dict[str, Any]:
    """The fields that say something."""
    return {name: value for name, value in fields.items() if value not in ("", None, {}, ())}


def _is_unicode(text: str) -> bool:
    try:
        text.encode()
    except UnicodeEncodeError:
        return False
    return True
