"""What a persistent container is, beyond what it runs: how it is watched, stopped, restarted and logged."""

import re
import signal
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from runtime.spec import ContainerSpec
from tare.errors import UsageError

_NAME = re.compile(r"[a-zA-Z0-9][a-zA-Z0-9_.-]+", re.ASCII)


@dataclass(frozen=True)
class RestartPolicy:
    """When a container that has ended is started again.

    Args:
        name: `no`, `on-failure`, `always` or `unless-stopped`.
        maximum: how often at most, 0 for ever; only with `on-failure`.

    Raises:
        UsageError: no such policy.
    """

    name: str = "no"
    maximum: int = 0

    def __post_init__(self) -> None:
        if self.name not in ("no", "on-failure", "always", "unless-stopped"):
            raise UsageError(
                f"no restart policy {self.name!r}", "use no, on-failure[:N], always or unless-stopped"
            )
        if self.maximum < 0 or (self.maximum and self.name != "on-failure"):
            raise UsageError(f"restart policy {self.name} takes no maximum of {self.maximum}", "leave it out")

    @classmethod
    def parse(cls, text: str) -> "RestartPolicy":
        """The policy from `NAME[:MAXIMUM]`.

        Raises:
            UsageError: there is none.
        """
        name, colon, maximum = text.partition(":")
        if colon and not maximum.isdecimal():
            raise UsageError(f"{maximum!r} is no number of restarts", "write such as on-failure:3")
        return cls(name or "no", int(maximum or 0))

    def applies(self, exit_code: int, count: int) -> bool:
        """Whether a container is started again.

        Args:
            exit_code: how it ended.
            count: how often it was started again in a row.
        """
        if self.name == "on-failure":
            return exit_code != 0 and (not self.maximum or count < self.maximum)
        return self.name != "no"


@dataclass(frozen=True)
class HealthCheck:
    """A command that says by its exit status whether a container is well; times in seconds.

    Raises:
        UsageError: a value without meaning.
    """

    argv: tuple[str, ...]
    interval: float = 30.0
    timeout: float = 30.0
    start_period: float = 0.0
    retries: int = 3

    def __post_init__(self) -> None:
        if not self.argv or self.interval < 0.001 or self.timeout < 0.001 or self.retries < 1:
            raise UsageError("a health check needs a command, an interval, a timeout and retries above 0")


@dataclass(frozen=True)
class LogOptions:
    """How much output is kept.

    Args:
        max_size: bytes of a file, None for no limit.
        max_file: how many files, with a limit of their size.

    Raises:
        UsageError: a value without meaning.
    """

    max_size: int | None = None
    max_file: int = 1

    def __post_init__(self) -> None:
        if self.max_file < 1 or (self.max_size is not None and self.max_size < 1):
            raise UsageError(
                "a log keeps at least one file of one byte", "give larger numbers for max-size and max-file"
            )


@dataclass(frozen=True)
class Settings:
    """A persistent container.

    Args:
        spec: what it runs, where its own id as host name is asked for by an empty `hostname` below.
        image: what people call its image.
        hostname: in place of the one in `spec`; its short id when empty.
        user: how people wrote its user.
        tty: whether it gets a terminal.
        open_stdin: whether it gets input of those who attach.
        labels: free text by name.
        restart: when it is started again.
        auto_remove: whether it is removed at its end.
        init: whether process 1 is a small one of ours that passes signals on and reaps orphans.
        health: a check while it runs.
        stop_signal: what asks it to end.
        stop_timeout: seconds it has for that.
        log: how much output is kept.
        ports: published ports as people wrote them, such as 8080:80/tcp.
        resources: limits beyond those in `spec`, as `linux.resources` of the OCI runtime specification.

    Raises:
        UsageError: a value without meaning.
    """

    spec: ContainerSpec
    image: str = ""
    hostname: str = ""
    user: str = ""
    tty: bool = False
    open_stdin: bool = False
    labels: Mapping[str, str] = field(default_factory=dict)
    restart: RestartPolicy = RestartPolicy()
    auto_remove: bool = False
    init: bool = False
    health: HealthCheck | None = None
    stop_signal: int = signal.SIGTERM
    stop_timeout: int = 10
    log: LogOptions = LogOptions()
    ports: tuple[str, ...] = ()
    resources: Mapping[str, Any] = field(default_factory=dict)

    def __post_init__(self) -> None:
        if self.auto_remove and self.restart.name != "no":
            raise UsageError(
                "a container can't be removed at its end and started again", "leave --rm or --restart out"
            )
        if self.stop_signal not in signal.valid_signals():
            raise UsageError(f"there is no signal {self.stop_signal}", "see signal(7)")


def check_name(name: str) -> str:
    """The name without the slash that Docker's have.

    Raises:
        UsageError: it can't be one.
    """
    name = name.removeprefix("/")
    if not _NAME.fullmatch(name):
        raise UsageError(
            f"{name!r} is no container name", "use two or more letters, digits, '_', '.' and '-'"
        )
    return name


def signal_number(text: str) -> int:
    """A signal from its number or name, with or without SIG.

    Raises:
        UsageError: there is none.
    """
    if text.isdecimal() and int(text) in signal.valid_signals():
        return int(text)
    name = text.upper()
    found = getattr(signal.Signals, name if name.startswith("SIG") else f"SIG{name}", None)
    if found is None:
        raise UsageError(f"invalid signal: {text}", "see signal(7)")
    return int(found)
