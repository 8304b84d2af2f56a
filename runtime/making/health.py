"""A health check: what the image says, with what `docker run` says in its place."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from runtime.lifecycle.settings import HealthCheck
from tare.errors import ImageError, UsageError

_SHELL = ("/bin/sh", "-c")


@dataclass(frozen=True)
class Health:
    """What --health-… ask for; times in seconds, and what is None is as the image has it.

    Args:
        command: for the shell.
        none: whether there is to be no check, --no-healthcheck.
    """

    command: str | None = None
    interval: float | None = None
    timeout: float | None = None
    start_period: float | None = None
    retries: int | None = None
    none: bool = False

    def __post_init__(self) -> None:
        others = (self.command, self.interval, self.timeout, self.start_period, self.retries)
        if self.none and any(value is not None for value in others):
            raise UsageError("--no-healthcheck excludes the --health options", "leave one of both out")
        for name, value in (("interval", self.interval), ("timeout", self.timeout)):
            if value is not None and value < 0.001:
                raise UsageError(f"--health-{name} is less than a millisecond", "give a longer time")
        if (self.start_period or 0) < 0 or (self.retries is not None and self.retries < 1):
            raise UsageError("--health-retries or --health-start-period is too small", "give more")


def check(image: Mapping[str, Any] | None, wanted: Health) -> HealthCheck | None:
    """The check of a container; None without one.

    Args:
        image: Docker's object of the image's configuration.
        wanted: what takes its place, part by part.

    Raises:
        ImageError: the image's has no meaning.
    """
    image = image or {}
    if wanted.none:
        return None
    argv = (*_SHELL, wanted.command) if wanted.command else _argv(image.get("Test"))
    if not argv:
        return None
    try:
        return HealthCheck(
            argv,
            interval=_first(wanted.interval, image.get("Interval"), 30.0),
            timeout=_first(wanted.timeout, image.get("Timeout"), 30.0),
            start_period=_first(wanted.start_period, image.get("StartPeriod"), 0.0),
            retries=int(wanted.retries or image.get("Retries") or 3),
        )
    except (TypeError, ValueError, UsageError) as error:
        raise ImageError(
            f"the health check of the image has no meaning: {error}", "use --no-healthcheck"
        ) from None


def _argv(test: Any) -> tuple[str, ...]:
    if test is None or test == [] or test[0] == "NONE":
        return ()
    kind, *words = map(str, test)
    if kind == "CMD-SHELL":
        return (*_SHELL, *words[:1])
    return tuple(words) if kind == "CMD" else ()


def _first(wanted: float | None, nanoseconds: Any, default: float) -> float:
    if wanted is not None:
        return wanted
    return float(nanoseconds) / 1e9 if nanoseconds else default
