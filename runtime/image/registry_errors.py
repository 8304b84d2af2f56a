"""What a registry refused or failed at, in one line (OCI distribution specification 1.1, "Error codes")."""

import json

from tare.errors import ImageError

_SHOWN = 200


class RegistryError(ImageError):
    """A registry can't be reached, failed, lied, or answered with something else than what was asked for."""


class Unreachable(RegistryError):
    """A registry stopped sending, or is overloaded: another try may do.

    Attributes:
        retry_after: seconds until then, if the registry said so.
    """

    retry_after: float | None = None


class NotThere(RegistryError):
    """A registry has no such repository, manifest or blob (404)."""


class Denied(RegistryError):
    """A registry wants other credentials (401, 403)."""


def refusal(status: int, reason: str, body: bytes, url: str) -> RegistryError:
    """What an answer that is no success means to a person.

    Args:
        status: HTTP's.
        reason: the text beside it.
        body: the beginning of the answer's body.
        url: what was asked for, without a query.
    """
    said = printable(_messages(body)) or printable(reason)
    what = f"{url} answered {status}{f' ({said})' if said else ''}"
    if status in (401, 403):
        return Denied(what, "log in with `tarebox login`, or check the image's name")
    if status == 404:
        return NotThere(what, "check the image's name and tag")
    if status == 429 or status >= 500:
        return Unreachable(what, "try again later")
    return RegistryError(what, "check the image's name and the registry's log")


def printable(text: str) -> str:
    """A stranger's text as part of one line that is no danger to a terminal."""
    clean = "".join(letter if letter.isprintable() else " " for letter in text).strip()
    return clean if len(clean) <= _SHOWN else f"{clean[:_SHOWN]}…"


def _messages(body: bytes) -> str:
    try:
        errors = json.loads(body)["errors"]
        return ", ".join(str(error.get("message") or error.get("code") or "") for error in errors)
    except (ValueError, KeyError, TypeError, AttributeError, RecursionError):
        return ""
