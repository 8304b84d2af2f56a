"""`tarebox import`: an image of an archive of files."""

import argparse
from typing import TYPE_CHECKING

from tare.state import State

if TYPE_CHECKING:
    from runtime.image.config import ImageConfig

SUMMARY = "make an image of an archive of files"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Its options and arguments."""
    parser.add_argument(
        *("-c", "--change"),
        metavar="INSTRUCTION",
        action="append",
        default=[],
        help="of a Dockerfile, such as 'CMD [\"/app\"]'",
    )
    parser.add_argument("-m", "--message", metavar="TEXT", default="", help="for the image's history")
    parser.add_argument("--platform", metavar="OS/ARCH[/VARIANT]", default="", help="in place of this host's")
    parser.add_argument("file", metavar="FILE|-", help="a tar archive, packed or not")
    parser.add_argument("name", metavar="NAME[:TAG]", nargs="?", default="", help="how the image is called")


def run(options: argparse.Namespace, state: State) -> int:
    """Import it, unpack its layer and print its id."""
    from contextlib import ExitStack
    from pathlib import Path

    from runtime.commandline import streams
    from runtime.image.layers import unpack_layers
    from runtime.image.making import import_archive
    from runtime.image.store import ImageStore
    from runtime.storage import registry
    from tare.errors import UsageError

    if "://" in options.file:
        raise UsageError(f"{options.file} isn't fetched", "fetch it, as with curl, and import the file")
    config = _config(options)
    store = ImageStore(state)
    source = streams.source(options.file, "name a file")
    with streams.named("import", options.file), ExitStack() as stack:
        file = stack.enter_context(source.open("rb")) if isinstance(source, Path) else source
        stack.enter_context(store.content.adding())
        root = import_archive(store.content, file, config=config)
        unpack_layers(store.content, store.read(root), registry.driver(state))
        image = store.add(root, [options.name] if options.name else [])
    print(image.id)
    return 0


def _config(options: argparse.Namespace) -> "ImageConfig":
    import time

    from runtime.commandline.instructions import apply
    from runtime.commandline.units import rfc3339
    from runtime.image.config import History, ImageConfig
    from runtime.image.platform import Platform

    platform = Platform.parse(options.platform) if options.platform else Platform.host()
    created = rfc3339(time.time_ns())
    config = ImageConfig(
        platform.architecture,
        platform.os,
        history=(History(created=created, comment=options.message or f"Imported from {options.file}"),),
        created=created,
        other={"variant": platform.variant},
    )
    return apply(config, options.change)
