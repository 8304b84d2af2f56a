"""`tarebox pull`: brings an image from a registry."""

import argparse
from functools import partial
from typing import TYPE_CHECKING

from tare.state import State

if TYPE_CHECKING:
    from runtime.image.reference import Reference
    from runtime.image.registry import Session

SUMMARY = "bring an image from a registry"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Its options and arguments."""
    parser.add_argument("-a", "--all-tags", action="store_true", help="all images of the repository")
    parser.add_argument("-q", "--quiet", action="store_true", help="print the name only")
    parser.add_argument("--platform", metavar="OS/ARCH[/VARIANT]", default="", help="in place of this host's")
    parser.add_argument(
        "name", metavar="NAME[:TAG|@DIGEST]", help="with the registry's host, if none is default"
    )


def run(options: argparse.Namespace, state: State) -> int:
    """Pull it, unpack its layers and print what it is called."""
    from runtime.commandline.transfers import progress
    from runtime.image.fetching import fetch
    from runtime.image.layers import unpack_layers
    from runtime.image.platform import Platform
    from runtime.image.reference import Reference
    from runtime.image.registry import Session
    from runtime.image.store import ImageStore
    from runtime.storage import registry

    store = ImageStore(state)
    unpack = partial(unpack_layers, store.content, driver=registry.driver(state))
    platform = Platform.parse(options.platform) if options.platform else None
    reference = Reference.parse(options.name)
    with Session() as session:
        names = _tagged(session, reference) if options.all_tags else [str(reference.tagged())]
        for name in names:
            asked = Reference.parse(name)
            if not options.quiet:
                print(f"{asked.digest or asked.tag}: Pulling from {asked.path}", flush=True)
            with progress("Pull complete", "Already exists", quiet=options.quiet) as tell:
                fetched = fetch(store, unpack, name, session=session, platform=platform, progress=tell)
            if not options.quiet:
                print(f"Digest: {fetched.image.root.digest}")
                status = "Downloaded newer image for" if fetched.is_new else "Image is up to date for"
                print(f"Status: {status} {name}")
            print(name, flush=True)
    return 0


def _tagged(session: "Session", reference: "Reference") -> list[str]:
    """The name with each tag its repository has."""
    from tare.errors import UsageError

    if reference.tag or reference.digest:
        raise UsageError(f"{reference} is one image, and all tags are asked for", "leave the tag out")
    repository = session.sources(reference.host, reference.path)[-1]
    return [f"{reference.name}:{tag}" for tag in repository.tags()]
