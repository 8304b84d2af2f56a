"""Names of images, as docker's grammar has them (distribution/reference), without a default registry."""

import re
from dataclasses import dataclass, replace

from runtime.image.digest import check_digest
from tare.errors import ImageError, UsageError

_LABEL = r"(?:[a-zA-Z0-9]|[a-zA-Z0-9][a-zA-Z0-9-]*[a-zA-Z0-9])"
_HOST = re.compile(rf"(?:{_LABEL}(?:\.{_LABEL})*|\[[a-fA-F0-9:]+\])(?::[0-9]+)?")
_PART = r"[a-z0-9]+(?:(?:\.|_|__|-+)[a-z0-9]+)*"
_PATH = re.compile(rf"{_PART}(?:/{_PART})*")
_TAG = re.compile(r"[a-zA-Z0-9_][a-zA-Z0-9_.-]{0,127}")
_ID = re.compile(r"[0-9a-f]{64}")
_LONGEST = 255
_HINT = "names are as host:5000/path/name:tag, in lower case"


@dataclass(frozen=True)
class Reference:
    """A name of an image.

    Args:
        path: the repository, as `team/app`.
        host: the registry with its port, empty when the name says none.
        tag: empty when the name says none.
        digest: empty when the name says none.
    """

    path: str
    host: str = ""
    tag: str = ""
    digest: str = ""

    @classmethod
    def parse(cls, text: str) -> "Reference":
        """What a person wrote: `[host[:port]/]path[:tag][@digest]`.

        What comes before the first slash is a host when it has a dot, a colon or a capital letter, or is
        `localhost`; otherwise it belongs to the path.

        Raises:
            UsageError: it is no such name.
        """
        rest, at, digest = text.partition("@")
        place = rest.rfind(":")
        tag = rest[place + 1 :] if place > rest.rfind("/") else ""
        name = rest[:place] if place > rest.rfind("/") else rest
        host, slash, path = name.partition("/")
        if not slash or not _is_host(host):
            host, path = "", name
        if place > rest.rfind("/") and not _TAG.fullmatch(tag):
            raise _wrong(text, "its tag")
        if (host and not _HOST.fullmatch(host)) or not _PATH.fullmatch(path) or _ID.fullmatch(name):
            raise _wrong(text, "its name")
        if len(name) > _LONGEST:
            raise _wrong(text, f"its length of more than {_LONGEST} characters")
        if at:
            try:
                check_digest(digest)
            except ImageError as error:
                raise _wrong(text, "its digest") from error
        return cls(path, host, tag, digest)

    @property
    def name(self) -> str:
        """Host and path."""
        return f"{self.host}/{self.path}" if self.host else self.path

    def tagged(self) -> "Reference":
        """With the tag `latest` when it has neither tag nor digest."""
        return self if self.tag or self.digest else replace(self, tag="latest")

    def __str__(self) -> str:
        tag = f":{self.tag}" if self.tag else ""
        return f"{self.name}{tag}@{self.digest}" if self.digest else f"{self.name}{tag}"


def _is_host(text: str) -> bool:
    return "." in text or ":" in text or text == "localhost" or text != text.lower()


def _wrong(text: str, part: str) -> UsageError:
    return UsageError(f"{text[:300]!r} is not the name of an image because of {part}", _HINT)
