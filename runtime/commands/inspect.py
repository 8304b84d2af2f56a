"""`tarebox inspect`: all that is known of containers, images, networks and volumes."""

import argparse
from collections.abc import Callable, Mapping
from typing import Any

from runtime.commandline import inspecting
from tare.errors import TareError
from tare.state import State

SUMMARY = "say all that is known of containers, images, networks and volumes"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Its options and arguments."""
    inspecting.add_argument(parser)
    parser.add_argument(
        "--type", choices=[*_KINDS], help="what the names are of; tried in this order otherwise"
    )
    parser.add_argument("-s", "--size", action="store_true", help="also how much of the disk containers take")
    parser.add_argument("names", metavar="NAME", nargs="+", help="names or ids")


def run(options: argparse.Namespace, state: State) -> int:
    """Print it."""

    def find(name: str) -> Any:
        if options.type:
            return _KINDS[options.type](state, name, size=options.size)
        return _first(state, name, size=options.size)

    return inspecting.inspect(options.names, find, options.format)


def _first(state: State, name: str, *, size: bool) -> Any:
    from runtime.lifecycle.errors import StatusError

    for kind in _KINDS.values():
        try:
            return kind(state, name, size=size)
        except StatusError:
            # It is there, and can't be read.
            raise
        except TareError:
            continue
    raise TareError(f"no such object: {name}", "no container, image, network or volume is called so")


def _container(state: State, name: str, *, size: bool) -> dict[str, Any]:
    from runtime.lifecycle.viewing import Viewing

    containers = Viewing(state)
    known = containers.inspect(name)
    if size:
        from runtime.commandline import container_size
        from runtime.image.store import ImageStore

        taken = container_size.size(containers, ImageStore(state), containers.find(name))
        known |= {"SizeRw": taken.own, "SizeRootFs": taken.virtual}
    return known


def _image(state: State, name: str, *, size: bool) -> dict[str, Any]:  # noqa: ARG001 - it always says its size
    from runtime.image import inspection
    from runtime.image.store import ImageStore
    from runtime.storage import registry

    return inspection.inspect(ImageStore(state), registry.driver(state), name)


def _network(state: State, name: str, *, size: bool) -> dict[str, Any]:  # noqa: ARG001 - it has none
    from runtime.network.networks import Networks

    return Networks(state).inspect(name)


def _volume(state: State, name: str, *, size: bool) -> dict[str, Any]:  # noqa: ARG001 - it isn't measured
    from runtime.volumes.volumes import Volumes

    return Volumes(state).inspect(name)


_KINDS: Mapping[str, Callable[..., dict[str, Any]]] = {
    "container": _container,
    "image": _image,
    "network": _network,
    "volume": _volume,
}
