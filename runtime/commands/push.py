"""`tarebox push`: brings an image to a registry."""

import argparse
from typing import TYPE_CHECKING

from tare.state import State

if TYPE_CHECKING:
    from runtime.image.model import Descriptor
    from runtime.image.platform import Platform
    from runtime.image.reference import Reference
    from runtime.image.registry import Session
    from runtime.image.store import ImageStore

SUMMARY = "bring an image to a registry"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Its options and arguments."""
    parser.add_argument("-a", "--all-tags", action="store_true", help="all tags that the name has here")
    parser.add_argument("-q", "--quiet", action="store_true", help="print the name only")
    parser.add_argument(
        "--platform", metavar="OS/ARCH[/VARIANT]", default="", help="one platform's image of several"
    )
    parser.add_argument("name", metavar="NAME[:TAG]", help="with the registry's host, if none is default")


def run(options: argparse.Namespace, state: State) -> int:
    """Push it and print the digest."""
    from runtime.image.platform import Platform
    from runtime.image.reference import Reference
    from runtime.image.registry import Session
    from runtime.image.store import ImageStore
    from tare.errors import UsageError

    store = ImageStore(state)
    platform = Platform.parse(options.platform) if options.platform else None
    reference = Reference.parse(options.name)
    if reference.digest or (reference.tag and options.all_tags):
        raise UsageError(f"{reference} can't be pushed", "leave the tag out for all tags, and the digest")
    names = _tagged(store, reference) if options.all_tags else [str(reference.tagged())]
    with Session() as session, store.content.adding():
        for name in names:
            store.get(name, platform)
        if not options.quiet:
            print(f"The push refers to repository [{reference.name}]", flush=True)
        for name in names:
            root = _push(store, session, name, platform, quiet=options.quiet)
            if options.quiet:
                print(name)
            else:
                print(f"{Reference.parse(name).tag}: digest: {root.digest} size: {root.size}", flush=True)
    return 0


def _push(
    store: "ImageStore", session: "Session", name: str, platform: "Platform | None", *, quiet: bool
) -> "Descriptor":
    from runtime.commandline.transfers import progress
    from runtime.image.graph import is_whole
    from runtime.image.reference import Reference
    from runtime.image.transfer import push

    image = store.get(name, platform)
    # Of several platforms usually one is here, and a registry takes no index without its manifests.
    whole = platform is None and is_whole(store.content, image.root)
    root = image.root if whole else image.descriptor
    reference = Reference.parse(name)
    others = [Reference.parse(other) for other in image.names]
    mount = [other.path for other in others if other.host == reference.host and other.path != reference.path]
    with progress("Pushed", "Layer already exists", quiet=quiet) as tell:
        push(
            session,
            reference.host,
            reference.path,
            reference.tag,
            root,
            store.content,
            mount=mount[0] if mount else "",
            progress=tell,
        )
    return root


def _tagged(store: "ImageStore", reference: "Reference") -> list[str]:
    """The names here that are the repository's."""
    from runtime.image.reference import Reference
    from tare.errors import ImageError

    named = [(name, Reference.parse(name)) for image in store.list() for name in image.names]
    found = [name for name, known in named if known.name == reference.name and known.tag]
    if not found:
        raise ImageError(f"no image {reference.name!r}", "see `tarebox images`")
    return sorted(found)
