"""What `--network` asks for, in Docker's words."""

from dataclasses import dataclass

from runtime.network.model import DEFAULT
from tare.errors import UsageError

BRIDGE = "bridge"
HOST = "host"
NONE = "none"
CONTAINER = "container"


@dataclass(frozen=True)
class Mode:
    """How a container is connected.

    Args:
        kind: BRIDGE: a namespace of its own with an endpoint on a network. HOST: the host's namespace. NONE:
            one of its own with a loopback interface and nothing else. CONTAINER: another container's.
        target: the network's or the container's name or id, empty for the other two.
    """

    kind: str
    target: str = ""


def parse(text: str) -> Mode:
    """From `bridge`, `host`, `none`, `container:ID` or a network's name.

    Raises:
        UsageError: no container is named.
    """
    if text in ("", "default", DEFAULT):
        return Mode(BRIDGE, DEFAULT)
    if text in (HOST, NONE):
        return Mode(text)
    kind, separator, target = text.partition(":")
    if kind == CONTAINER:
        if not separator or not target:
            raise UsageError(f"{text!r} names no container", "write container:NAME")
        return Mode(CONTAINER, target)
    return Mode(BRIDGE, text)
