"""`tarebox commit`: an image of what a container changed."""

import argparse
from contextlib import AbstractContextManager, contextmanager, nullcontext
from typing import TYPE_CHECKING

from tare.state import State

if TYPE_CHECKING:
    from collections.abc import Iterator

    from runtime.image.config import ImageConfig
    from runtime.lifecycle.containers import Containers
    from runtime.lifecycle.settings import Settings

SUMMARY = "make an image of what a container changed"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Its options and arguments."""
    parser.add_argument("-a", "--author", metavar="TEXT", default="", help="who made it")
    parser.add_argument(
        *("-c", "--change"),
        metavar="INSTRUCTION",
        action="append",
        default=[],
        help="of a Dockerfile, such as 'CMD [\"/app\"]'",
    )
    parser.add_argument("-m", "--message", metavar="TEXT", default="", help="for the image's history")
    parser.add_argument("-p", "--pause", action="store_true", default=True, help="meanwhile, as without")
    parser.add_argument("name", metavar="CONTAINER", help="a name or id")
    parser.add_argument("image", metavar="NAME[:TAG]", nargs="?", default="", help="how the image is called")


def run(options: argparse.Namespace, state: State) -> int:
    """Make it, unpack its layer and print its id."""
    import time
    from dataclasses import replace

    from runtime.commandline.instructions import apply
    from runtime.commandline.units import rfc3339
    from runtime.image.config import History
    from runtime.image.layers import unpack_layers
    from runtime.image.making import extend_image
    from runtime.image.pack import pack
    from runtime.image.reference import Reference
    from runtime.image.store import ImageStore
    from runtime.lifecycle.containers import Containers

    if options.image:
        Reference.parse(options.image)
    store = ImageStore(state)
    with Containers(state) as containers, store.content.adding():
        record = containers.find(options.name)
        driver, identity = containers.root(record.id)
        base = store.get(record.settings.image_id)
        config = apply(_config(base.config, record.settings, options.author), options.change)
        with _still(containers, record.id, is_asked=options.pause), driver.difference(identity) as changes:
            layer = pack(changes, store.content)
        created = rfc3339(time.time_ns())
        author = {"author": options.author} if options.author else {}
        history = History(created, " ".join(record.settings.spec.argv), options.message, other=author)
        config = replace(config, created=created)
        root = extend_image(store.content, base.manifest, config, layer, history)
        unpack_layers(store.content, store.read(root), driver)
        image = store.add(root, [options.image] if options.image else [])
    print(image.id)
    return 0


def _config(image: "ImageConfig", settings: "Settings", author: str) -> "ImageConfig":
    """What the container was started with is what its image starts with."""
    import signal
    from dataclasses import replace

    known = {entry.partition("=")[0] for entry in image.env}
    env = {name: value for name, value in settings.spec.env.items() if name != "HOME" or name in known}
    is_usual = settings.stop_signal == signal.SIGTERM
    return replace(
        image,
        entrypoint=settings.entrypoint,
        cmd=settings.cmd,
        env=tuple(f"{name}={value}" for name, value in env.items()),
        user=settings.user,
        workdir=image.workdir if settings.spec.cwd == (image.workdir or "/") else settings.spec.cwd,
        exposed_ports=settings.exposed,
        labels=dict(settings.labels),
        stop_signal=image.stop_signal if is_usual else signal.Signals(settings.stop_signal).name,
        other={**image.other, **({"author": author} if author else {})},
    )


def _still(containers: "Containers", name: str, *, is_asked: bool) -> AbstractContextManager[None]:
    """Pause a container that runs, so that its files are of one moment, where a control group can be."""
    record = containers.find(name)
    groups = record.groups()
    can_be = bool(groups and groups.paths and record.status() == "running")
    return _paused(containers, name) if can_be and is_asked else nullcontext()


@contextmanager
def _paused(containers: "Containers", name: str) -> "Iterator[None]":
    containers.pause(name)
    try:
        yield
    finally:
        containers.unpause(name)
