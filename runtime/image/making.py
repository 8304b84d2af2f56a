"""Images made here: of layers, of an archive of files, or of another image and one more layer."""

from collections.abc import Sequence
from dataclasses import replace
from typing import BinaryIO

from runtime.image.compression import LIMITS, Limits, expecting
from runtime.image.config import History, ImageConfig
from runtime.image.content import Content
from runtime.image.layer_writer import Compression, layer_writer
from runtime.image.model import OCI_CONFIG, OCI_MANIFEST, Descriptor, Manifest
from runtime.image.pack import Packed
from runtime.image.platform import Platform
from runtime.image.stream import LayerStream
from runtime.image.tar_reader import members

_EXPECTED = "a tar archive of files is expected, plain or packed by gzip, zstd, bzip2 or xz"


def make_image(content: Content, layers: Sequence[Packed], config: ImageConfig) -> Descriptor:
    """An image of new layers alone.

    Args:
        content: where it goes, and where the layers are; the caller holds Content.adding.
        layers: bottom first.
        config: its diff ids are taken from the layers.

    Returns:
        The manifest's descriptor, for ImageStore.add.
    """
    config = _told(replace(config, diff_ids=tuple(layer.diff_id for layer in layers)))
    return put_image(content, [layer.descriptor for layer in layers], config.serialise())


def extend_image(
    content: Content, base: Manifest, config: ImageConfig, layer: Packed, history: History
) -> Descriptor:
    """An image that has one more layer than another, as `docker commit` makes it.

    Args:
        content: where it goes; the caller holds Content.adding.
        base: the other image's manifest.
        config: the new configuration, with the diff ids and history of the other one.
        layer: the new layer.
        history: how it came to be.
    """
    config = _told(config)
    config = replace(config, diff_ids=(*config.diff_ids, layer.diff_id), history=(*config.history, history))
    return put_image(content, [*base.layers, layer.descriptor], config.serialise())


def import_archive(
    content: Content,
    file: BinaryIO,
    *,
    config: ImageConfig | None = None,
    compression: Compression = "gzip",
    limits: Limits = LIMITS,
) -> Descriptor:
    """An image of one layer from a tar archive of files, packed in whichever way.

    Args:
        content: where it goes; the caller holds Content.adding.
        file: the archive.
        config: what the image says besides; this host's platform when None.
        compression: of the layer.
        limits: what the archive may grow to.

    Raises:
        ImageError: it is no tar archive, is damaged, or the disk is full.
    """
    with expecting(_EXPECTED), layer_writer(content, compression) as layer:
        stream = LayerStream(file, limits, copy=layer.write)
        try:
            entries = 0
            for member in members(stream):
                stream.skip(member.size)
                entries += 1
            stream.finish()
        finally:
            stream.close()
    packed = Packed(layer.descriptor, layer.diff_id, layer.size, entries)
    platform = Platform.host()
    return make_image(content, [packed], config or ImageConfig(platform.architecture, platform.os))


def _told(config: ImageConfig) -> ImageConfig:
    """With a history that has each layer, as buildah insists."""
    missing = len(config.diff_ids) - sum(not entry.empty_layer for entry in config.history)
    return replace(config, history=(*config.history, *[History(config.created)] * missing))


def put_image(content: Content, layers: Sequence[Descriptor], config: bytes) -> Descriptor:
    """Store a configuration's document and a manifest of it; the manifest's descriptor."""
    stored = content.put(config, OCI_CONFIG)
    return content.put(Manifest(stored, tuple(layers)).serialise(), OCI_MANIFEST)
