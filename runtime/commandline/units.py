"""Sizes, durations and times in Docker's words (github.com/docker/go-units), and Go's durations read."""

import re
import time
from datetime import UTC, datetime, timedelta

from tare.errors import UsageError

_DECIMAL = ("B", "kB", "MB", "GB", "TB", "PB", "EB", "ZB", "YB")
_BINARY = ("B", "KiB", "MiB", "GiB", "TiB", "PiB", "EiB", "ZiB", "YiB")
_SECONDS = {
    "ns": 1e-9, "us": 1e-6, "µs": 1e-6, "μs": 1e-6, "ms": 1e-3, "s": 1.0, "m": 60.0, "h": 3600.0
}  # fmt: skip
_PART = re.compile(r"(\d+\.?\d*|\.\d+)(ns|us|µs|μs|ms|s|m|h)", re.ASCII)
_DURATION = re.compile(rf"[+-]?(?:{_PART.pattern})+", re.ASCII)
_UNIX = re.compile(r"(\d{1,11})(?:\.(\d{1,9}))?", re.ASCII)
_TIME = re.compile(
    r"(\d{4}-\d\d-\d\d)(?:T(\d\d)(?::(\d\d)(?::(\d\d)(?:\.(\d{1,9}))?)?)?)?(Z|[+-]\d\d:\d\d)?", re.ASCII
)


def size(count: float, *, digits: int = 3) -> str:
    """Bytes by powers of 1000, such as 1.23MB."""
    return _scaled(count, 1000, _DECIMAL, digits)


def binary_size(count: float, *, digits: int = 4) -> str:
    """Bytes by powers of 1024, such as 12.5MiB."""
    return _scaled(count, 1024, _BINARY, digits)


def _scaled(count: float, base: int, names: tuple[str, ...], digits: int) -> str:
    value, unit = float(count), 0
    while unit < len(names) - 1 and float(f"{value:.{digits}g}") >= base:
        value /= base
        unit += 1
    return f"{float(f'{value:.{digits}g}'):.10g}{names[unit]}"


def duration(seconds: float) -> str:
    """About how long, such as "3 minutes" or "About an hour"."""
    hours = int(seconds / 3600 + 0.5)
    if seconds < 1:
        return "Less than a second"
    if seconds < 60:
        return "1 second" if int(seconds) == 1 else f"{int(seconds)} seconds"
    if seconds < 3600:
        return "About a minute" if seconds < 120 else f"{int(seconds / 60)} minutes"
    if hours == 1:
        return "About an hour"
    for limit, unit, name in (
        (48, 1, "hours"),
        (336, 24, "days"),
        (1440, 168, "weeks"),
        (17520, 720, "months"),
    ):
        if hours < limit:
            return f"{hours // unit} {name}"
    return f"{int(seconds / 3600) // 8760} years"


def ago(moment: int, now: int | None = None) -> str:
    """How long ago a time was, such as "2 hours ago"; times in nanoseconds since 1970."""
    return f"{duration(((time.time_ns() if now is None else now) - moment) / 1e9)} ago"


def timestamp(moment: int) -> str:
    """A time in nanoseconds since 1970 as lists show it, such as "2026-01-02 15:04:05 +0100 CET"."""
    return datetime.fromtimestamp(moment // 10**9).astimezone().strftime("%Y-%m-%d %H:%M:%S %z %Z")


def rfc3339(moment: int) -> str:
    """A time in nanoseconds since 1970 with all its digits, in UTC."""
    seconds, nanoseconds = divmod(moment, 10**9)
    start = datetime(1970, 1, 1, tzinfo=UTC) + timedelta(seconds=seconds)
    return f"{start:%Y-%m-%dT%H:%M:%S}.{nanoseconds:09}Z"


def local_rfc3339(moment: int) -> str:
    """A time in nanoseconds since 1970 with all its digits, in the local time zone."""
    local = datetime.fromtimestamp(moment // 10**9).astimezone()
    return f"{local:%Y-%m-%dT%H:%M:%S}.{moment % 10**9:09}{local.isoformat()[19:]}"


def parse_duration(text: str) -> float:
    """Seconds of a duration as Go writes it, such as 10s or 1m30s.

    Raises:
        UsageError: it is none.
    """
    if text.strip("+-") == "0":
        return 0.0
    if not _DURATION.fullmatch(text):
        raise UsageError(f"{text!r} is no duration", "write one such as 10s or 1m30s")
    seconds = sum(float(part[1]) * _SECONDS[part[2]] for part in _PART.finditer(text))
    return -seconds if text.startswith("-") else seconds


def parse_time(text: str, now: int | None = None) -> int:
    """Nanoseconds since 1970 of a time: RFC 3339, seconds since 1970, or a duration before now.

    Args:
        text: such as 2026-01-02T15:04:05Z, its beginning 2026-01-02 (local time without a zone),
            1767366245.5 or 10m.
        now: nanoseconds since 1970.

    Raises:
        UsageError: it is none.
    """
    if found := _UNIX.fullmatch(text):
        return int(found[1]) * 10**9 + int((found[2] or "").ljust(9, "0"))
    if _DURATION.fullmatch(text):
        return (time.time_ns() if now is None else now) - int(parse_duration(text) * 1e9)
    try:
        return _calendar(text)
    except (ValueError, OverflowError):
        raise UsageError(
            f"{text!r} is no time", "write one such as 2026-01-02T15:04:05, or 10m for ten minutes ago"
        ) from None


def _calendar(text: str) -> int:
    found = _TIME.fullmatch(text)
    if not found:
        raise ValueError(text)
    day, hour, minute, second, fraction, zone = found.groups()
    parsed = datetime.fromisoformat(f"{day}T{hour or '00'}:{minute or '00'}:{second or '00'}{zone or ''}")
    seconds = parsed.astimezone() - datetime(1970, 1, 1, tzinfo=UTC)
    return (seconds.days * 86400 + seconds.seconds) * 10**9 + int((fraction or "").ljust(9, "0"))
