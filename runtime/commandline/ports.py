"""Ports of containers as lists show them, such as 0.0.0.0:8080->80/tcp."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import NamedTuple


class _Port(NamedTuple):
    """A port inside, and where it is published, if it is."""

    protocol: str
    host: str
    inside: int
    outside: int


def describe(ports: Mapping[str, Sequence[Mapping[str, str]] | None]) -> str:
    """Ports in one line, ranges of them together.

    Args:
        ports: as `NetworkSettings.Ports` of `docker inspect` has them.
    """
    return ", ".join(_shown(first, last) for first, last in _ranges(sorted(_parse(ports))))


def _parse(ports: Mapping[str, Sequence[Mapping[str, str]] | None]) -> Iterator[_Port]:
    for port, bindings in ports.items():
        number, _, protocol = port.partition("/")
        for binding in bindings or [{}]:
            host = binding.get("HostIp", "")
            host = f"[{host}]" if ":" in host else host
            yield _Port(protocol, host, int(number), int(binding.get("HostPort") or 0))


def _ranges(ports: Iterable[_Port]) -> Iterator[tuple[_Port, _Port]]:
    first = last = None
    for port in ports:
        if first is None or last is None:
            first = last = port
            continue
        follows = last._replace(inside=last.inside + 1, outside=last.outside and last.outside + 1)
        # As Docker has it, published ranges are only joined where inside is like outside.
        if port == follows and port.outside in (0, port.inside):
            last = port
            continue
        yield first, last
        first = last = port
    if first and last:
        yield first, last


def _shown(first: _Port, last: _Port) -> str:
    inside = _range(first.inside, last.inside)
    if not first.outside:
        return f"{inside}/{first.protocol}"
    return f"{first.host}:{_range(first.outside, last.outside)}->{inside}/{first.protocol}"


def _range(first: int, last: int) -> str:
    return str(first) if first == last else f"{first}-{last}"
