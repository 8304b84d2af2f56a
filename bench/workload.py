"""A person's own workload: how an image starts, when it is ready, what loads it, what is read off that."""

import shlex
import tomllib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from ipaddress import IPv4Address
from pathlib import Path
from typing import Any

from bench.load import Reading
from bench.ready import Ready
from bench.subject import Prepared, RunSpec
from results import Better
from tare.errors import UsageError
from tare.sizes import parse_size

SCENARIO = "own"
"""The scenario that asks for it."""
_TIMEOUT = 120.0


@dataclass(frozen=True)
class Workload:
    """What is asked of an image.

    Args:
        ready: when it is ready.
        load: a command of the host's shell; `{url}` is what `ready` asked, `{address}` the instance's.
        readings: what is read off the load's output.
        command: what is started; the image's own program when empty.
        memory: bytes.
        timeout: seconds until it has to be ready, and the load has to be over.
        image: what is run, as people call it; empty for the default.

    Raises:
        UsageError: it is not complete, or two readings have one name.
    """

    ready: Ready
    load: str
    readings: tuple[Reading, ...]
    command: tuple[str, ...] = ()
    memory: int = RunSpec.memory
    timeout: float = _TIMEOUT
    image: str = ""

    def __post_init__(self) -> None:
        if not self.load.strip() or not self.readings:
            raise UsageError(
                "a workload of your own needs a load and a metric", "see docs/own-workload.md for an example"
            )
        names = [reading.name for reading in self.readings]
        twice = next((name for name in names if names.count(name) > 1), None)
        if twice or (
            twice := next((name for name in names if name in ("time", "host-cpu", "failure")), None)
        ):
            raise UsageError(f"there is another metric {twice!r}", "give one a name: NAME=REGEX")
        if "{url}" in self.load and not self.ready.by_network:
            raise UsageError("the load has a {url}, but `ready` has none", "use {address}, or wait for a URL")

    def spec(self, prepared: Prepared) -> RunSpec:
        """What is started, as the image's configuration has it.

        Raises:
            UsageError: neither the image nor the person names a command.
        """
        config = prepared.image.stored.config if prepared.image.stored else None
        argv = self.command or ((*config.entrypoint, *config.cmd) if config else ())
        if not argv:
            raise UsageError(f"{prepared.image.name} has no command of its own", "give --command")
        return RunSpec(
            prepared,
            argv,
            memory=self.memory,
            network=self.ready.by_network or "{address}" in self.load,
            env=config.env if config else (),
            user=config.user if config else "",
            directory=config.workdir if config else "",
        )

    def load_on(self, address: IPv4Address | None) -> str:
        """The load's command for one instance."""
        if address is None:
            return self.load
        url = shlex.quote(self.ready.url(address))
        return self.load.replace("{url}", url).replace("{address}", str(address))

    def as_json(self) -> dict[str, object]:
        """For the run's record of how it was made."""
        return {
            "ready": self.ready.url(IPv4Address(0)) if self.ready.by_network else f"line:{self.ready.text}",
            "load": self.load,
            "command": list(self.command),
            "memory": self.memory,
            "timeout": self.timeout,
            "metrics": {reading.name: reading.regex for reading in self.readings},
        }


def from_words(
    ready: str, load: str, metrics: Sequence[str], command: str = "", memory: str = ""
) -> Workload:
    """A workload as a command line gives it. Raises: UsageError."""
    return Workload(
        Ready.parse(ready),
        load,
        tuple(Reading.parse(text) for text in metrics),
        _argv(command),
        parse_size(memory) if memory else RunSpec.memory,
    )


def from_file(path: Path) -> Workload:
    """A workload of a TOML file.

    Raises:
        UsageError: it can't be read, is no TOML, or says what is no workload.
    """
    try:
        with path.open("rb") as file:
            table = tomllib.load(file)
    except OSError as error:
        raise UsageError(f"{path} can't be read: {error.strerror}") from error
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise UsageError(f"{path} is no TOML: {error}") from error
    try:
        return _workload(table)
    except UsageError as error:
        raise UsageError(f"{path}: {error.what}", error.hint) from error


def _workload(table: dict[str, Any]) -> Workload:
    _check(table, _KEYS, "ready", "load", "metric")
    return Workload(
        Ready.parse(table["ready"]),
        table["load"],
        tuple(_reading(each) for each in table["metric"]),
        _argv(table.get("command", "")),
        parse_size(table["memory"]) if "memory" in table else RunSpec.memory,
        float(table.get("timeout", _TIMEOUT)),
        table.get("image", ""),
    )


def _reading(table: object) -> Reading:
    if not isinstance(table, dict):
        raise UsageError("metric is no table", "write it as [[metric]]")
    _check(table, _METRIC_KEYS, "name", "regex")
    better = table.get("better", str(Better.HIGHER))
    if better not in list(Better):
        raise UsageError(f"better is {better!r}", "it is 'higher' or 'lower'")
    return Reading(table["name"], table["regex"], table.get("unit", "1"), Better(better))


_KEYS: Mapping[str, type | tuple[type, ...]] = {
    "image": str,
    "command": (str, list),
    "memory": str,
    "ready": str,
    "load": str,
    "timeout": (int, float),
    "metric": list,
}
_METRIC_KEYS: Mapping[str, type | tuple[type, ...]] = {"name": str, "regex": str, "unit": str, "better": str}


def _check(table: dict[str, Any], known: Mapping[str, type | tuple[type, ...]], *needed: str) -> None:
    for key, value in table.items():
        if key not in known:
            raise UsageError(f"{key!r} has no meaning there", f"the keys are {', '.join(known)}")
        if not isinstance(value, known[key]) or isinstance(value, bool) or value == "":
            raise UsageError(f"{key} can't be {value!r}")
    if missing := [key for key in needed if key not in table]:
        raise UsageError(f"{missing[0]!r} is missing")


def _argv(command: str | list[Any]) -> tuple[str, ...]:
    if isinstance(command, list):
        return tuple(map(str, command))
    try:
        return tuple(shlex.split(command))
    except ValueError as error:
        raise UsageError(f"command {command!r} can't be split: {error}") from error
