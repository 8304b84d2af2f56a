"""Instructions of a Dockerfile that change an image's configuration, as `--change` takes them.

Their grammar is that of the Dockerfile reference; what a build would have to run is refused.
"""

import json
import posixpath
import re
import shlex
from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Any

from runtime.image.config import ImageConfig
from tare.errors import UsageError

_SHELL = ("/bin/sh", "-c")
_PORT = re.compile(r"(\d{1,5})(?:-(\d{1,5}))?(?:/(tcp|udp|sctp))?", re.ASCII)
_SIGNAL = re.compile(r"(?:SIG)?[A-Z][A-Z0-9+-]*|\d{1,2}", re.ASCII)
_HEALTH = {
    "interval": "Interval",
    "timeout": "Timeout",
    "start-period": "StartPeriod",
    "start-interval": "StartInterval",
    "retries": "Retries",
}


def apply(config: ImageConfig, instructions: Sequence[str]) -> ImageConfig:
    """A configuration after some instructions, such as `CMD ["/bin/app"]` or `ENV A=b`.

    Raises:
        UsageError: one has no meaning, or changes more than the configuration.
    """
    for text in instructions:
        name, _, rest = text.strip().partition(" ")
        change = _CHANGES.get(name.upper())
        if change is None:
            raise UsageError(
                f"unknown instruction {name[:40]!r} in a change", f"use one of {', '.join(sorted(_CHANGES))}"
            )
        if not rest.strip():
            raise UsageError(f"{name.upper()} in a change says nothing", "write it as in a Dockerfile")
        config = change(config, rest.strip())
    return config


def _cmd(config: ImageConfig, text: str) -> ImageConfig:
    return replace(config, cmd=_command(text))


def _entrypoint(config: ImageConfig, text: str) -> ImageConfig:
    return replace(config, entrypoint=_command(text))


def _env(config: ImageConfig, text: str) -> ImageConfig:
    values = dict(entry.partition("=")[::2] for entry in config.env)
    values.update(_pairs("ENV", text))
    return replace(config, env=tuple(f"{name}={value}" for name, value in values.items()))


def _label(config: ImageConfig, text: str) -> ImageConfig:
    return replace(config, labels={**config.labels, **_pairs("LABEL", text)})


def _expose(config: ImageConfig, text: str) -> ImageConfig:
    ports = []
    for word in text.split():
        found = _PORT.fullmatch(word)
        first, last = (int(found[1]), int(found[2] or found[1])) if found else (0, 0)
        if not found or not 0 < first <= last < 65536:
            raise UsageError(f"{word[:40]!r} is no port", "write such as EXPOSE 80/tcp")
        ports += [f"{port}/{found[3] or 'tcp'}" for port in range(first, last + 1)]
    return replace(config, exposed_ports=tuple(dict.fromkeys((*config.exposed_ports, *ports))))


def _volume(config: ImageConfig, text: str) -> ImageConfig:
    paths = _array(text) or tuple(text.split())
    return replace(config, volumes=tuple(dict.fromkeys((*config.volumes, *paths))))


def _user(config: ImageConfig, text: str) -> ImageConfig:
    return replace(config, user=text)


def _workdir(config: ImageConfig, text: str) -> ImageConfig:
    return replace(config, workdir=posixpath.normpath(posixpath.join("/", config.workdir, text)))


def _stopsignal(config: ImageConfig, text: str) -> ImageConfig:
    if not _SIGNAL.fullmatch(text):
        raise UsageError(f"{text[:40]!r} is no signal", "write such as STOPSIGNAL SIGTERM")
    return replace(config, stop_signal=text)


def _onbuild(config: ImageConfig, text: str) -> ImageConfig:
    triggers = [*(config.other_config.get("OnBuild") or []), text]
    return replace(config, other_config={**config.other_config, "OnBuild": triggers})


def _healthcheck(config: ImageConfig, text: str) -> ImageConfig:
    from runtime.commandline.units import parse_duration

    check: dict[str, Any] = {}
    while text.startswith("--"):
        option, _, text = text.partition(" ")
        name, _, value = option[2:].partition("=")
        text = text.strip()
        if name not in _HEALTH:
            raise UsageError(
                f"unknown option --{name[:40]} of HEALTHCHECK", f"use one of {', '.join(_HEALTH)}"
            )
        if name != "retries":
            check[_HEALTH[name]] = round(parse_duration(value) * 1e9)
        elif value.isdecimal():
            check[_HEALTH[name]] = int(value)
        else:
            raise UsageError(f"{value[:40]!r} is no number of retries", "write such as --retries=3")
    kind, _, command = text.partition(" ")
    if kind.upper() == "NONE" and not check and not command:
        return replace(config, healthcheck={"Test": ["NONE"]})
    if kind.upper() != "CMD" or not command.strip():
        raise UsageError("HEALTHCHECK has neither NONE nor CMD and a command", "write it as in a Dockerfile")
    words = _array(command.strip())
    test = ["CMD", *words] if words else ["CMD-SHELL", command.strip()]
    return replace(config, healthcheck={"Test": test, **check})


def _command(text: str) -> tuple[str, ...]:
    """Words of a JSON array, else a line for the shell."""
    words = _array(text)
    return (*_SHELL, text) if words is None else words


def _array(text: str) -> tuple[str, ...] | None:
    """The strings of a JSON array; None when it is none."""
    if not text.startswith("["):
        return None
    try:
        words = json.loads(text)
    except (ValueError, RecursionError):
        return None
    is_array = isinstance(words, list) and all(isinstance(word, str) for word in words)
    return tuple(words) if is_array else None


def _pairs(name: str, text: str) -> dict[str, str]:
    """`KEY=VALUE KEY="VALUE"`, or the older `KEY VALUE`."""
    key, blank, value = text.partition(" ")
    if "=" not in key and blank:
        return {key: value.strip()}
    try:
        words = shlex.split(text)
    except ValueError as error:
        raise UsageError(f"{name} in a change: {error}", f"write such as {name} KEY=VALUE") from None
    pairs = {}
    for word in words:
        key, equals, value = word.partition("=")
        if not key or not equals:
            raise UsageError(f"{word[:40]!r} of {name} has no value", f"write such as {name} KEY=VALUE")
        pairs[key] = value
    return pairs


_CHANGES: dict[str, Callable[[ImageConfig, str], ImageConfig]] = {
    "CMD": _cmd,
    "ENTRYPOINT": _entrypoint,
    "ENV": _env,
    "EXPOSE": _expose,
    "HEALTHCHECK": _healthcheck,
    "LABEL": _label,
    "ONBUILD": _onbuild,
    "STOPSIGNAL": _stopsignal,
    "USER": _user,
    "VOLUME": _volume,
    "WORKDIR": _workdir,
}
