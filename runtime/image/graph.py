"""What an image in the content consists of, and whether all of it is there."""

from collections.abc import Iterator

from runtime.image.config import ImageConfig
from runtime.image.content import Content
from runtime.image.model import CONFIGS, LAYERS, Descriptor, Index, Manifest, parse_manifest
from runtime.image.platform import Platform
from tare.errors import ImageError

DEEPEST = 4
"""Indexes in indexes; real ones need one, or two."""


def manifest_for(
    content: Content, root: Descriptor, platform: Platform | None = None
) -> tuple[Descriptor, Manifest]:
    """The manifest of an image that runs here, of those that are in the content.

    Args:
        content: where the image is.
        root: its manifest or index.
        platform: the one wanted; when None this host's, or else one that is there.

    Raises:
        ImageError: there is none, or a document is broken.
    """
    for _ in range(DEEPEST):
        found = parse_manifest(content.read(root), root.media_type)
        if isinstance(found, Manifest):
            return root, found
        present = Index(tuple(entry for entry in found.manifests if content.has(entry.digest)))
        try:
            root = present.select(platform or Platform.host())
        except ImageError:
            if platform or not present.manifests:
                raise
            root = present.manifests[0]
    raise ImageError(
        f"{root.digest} is an index in an index without end", "the image is broken, get it again"
    )


def config_of(content: Content, manifest: Manifest) -> ImageConfig:
    """The configuration of a manifest, which has to be that of a container's image.

    Raises:
        ImageError: it is missing, broken, or of something else.
    """
    if manifest.config.media_type not in CONFIGS:
        kind = manifest.config.media_type[:80]
        raise ImageError(
            f"{kind!r} is not the configuration of an image", "only images of containers can be used"
        )
    config = ImageConfig.parse(content.read(manifest.config))
    for layer in manifest.layers:
        if layer.media_type not in LAYERS:
            raise ImageError(
                f"a layer is of type {layer.media_type[:80]!r}", "it may be encrypted, or no image"
            )
    if len(config.diff_ids) != len(manifest.layers):
        raise ImageError(
            f"an image has {len(manifest.layers)} layers and digests of {len(config.diff_ids)}",
            "the image is broken, get it again",
        )
    return config


def walk(content: Content, root: Descriptor, depth: int = 0) -> Iterator[Descriptor]:
    """All that an image refers to and is meant to be here, the root first.

    Of an index only those manifests count that are here, as a pull fetches one platform.

    Raises:
        ImageError: a document is missing or broken.
    """
    yield root
    found = parse_manifest(content.read(root), root.media_type)
    if isinstance(found, Manifest):
        yield found.config
        yield from found.layers
        return
    if depth >= DEEPEST:
        raise ImageError(
            f"{root.digest} is an index in an index without end", "the image is broken, get it again"
        )
    for entry in found.manifests:
        if content.has(entry.digest):
            yield from walk(content, entry, depth + 1)


def is_whole(content: Content, root: Descriptor, depth: int = 0) -> bool:
    """Whether all manifests of an image are here, of every platform.

    Raises:
        ImageError: a document is missing or broken.
    """
    found = parse_manifest(content.read(root), root.media_type)
    if isinstance(found, Manifest):
        return True
    return depth < DEEPEST and all(
        content.has(entry.digest) and is_whole(content, entry, depth + 1) for entry in found.manifests
    )
