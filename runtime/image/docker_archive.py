"""Images as `docker save` writes them: manifest.json, configurations, layers (its specification 1.2)."""

import json
from collections.abc import Sequence
from typing import Any

from runtime.image import oci_layout
from runtime.image.archive import Reader, Writer, add_document, read_document
from runtime.image.compression import LIMITS, Packed, uncompressed
from runtime.image.config import ImageConfig
from runtime.image.content import Content
from runtime.image.fields import Fields
from runtime.image.graph import manifest_for
from runtime.image.making import put_image
from runtime.image.model import OCI_LAYER, Descriptor
from runtime.image.oci_layout import Loaded
from runtime.image.stream import LayerStream
from tare.errors import ImageError

MANIFEST = "manifest.json"
_PIECE = 1 << 20
_BROKEN = "the saved image is broken, save it again"
_WITHOUT_MEDIA_TYPE = (b"BZh", b"\xfd7zXZ")


def is_docker_archive(reader: Reader) -> bool:
    """Whether docker wrote it."""
    return reader.has(MANIFEST)


def load(reader: Reader, content: Content) -> tuple[Loaded, ...]:
    """Bring all images of an archive into the content, verified; the caller holds Content.adding.

    Raises:
        ImageError: something is missing or damaged.
    """
    try:
        images = json.loads(read_document(reader, MANIFEST))
    except (ValueError, RecursionError) as error:
        raise ImageError(f"{MANIFEST} in the saved image is not JSON", _BROKEN) from error
    if not isinstance(images, list):
        raise ImageError(f"{MANIFEST} in the saved image is no list", _BROKEN)
    return tuple(_load(reader, content, Fields(image, f"an image in {MANIFEST}")) for image in images)


def save(images: Sequence[tuple[Descriptor, Sequence[str]]], content: Content, writer: Writer) -> None:
    """Write images as docker does since version 25: an OCI layout that has a manifest.json as well.

    Args:
        images: each one's root and names.
        content: where they are.
        writer: takes the files.

    Raises:
        ImageError: something is missing.
    """
    described: list[dict[str, Any]] = []
    for root, names in images:
        _, manifest = manifest_for(content, root)
        layers = [oci_layout.blob(layer.digest) for layer in manifest.layers]
        config = oci_layout.blob(manifest.config.digest)
        described.append({"Config": config, "RepoTags": list(names) or None, "Layers": layers})
    oci_layout.save(images, content, writer)
    add_document(writer, MANIFEST, json.dumps(described).encode())


def _load(reader: Reader, content: Content, image: Fields) -> Loaded:
    document = read_document(reader, image.text("Config"))
    config = ImageConfig.parse(document)
    files, names = image.texts("Layers"), image.texts("RepoTags")
    if len(files) != len(config.diff_ids):
        raise ImageError(
            f"the saved image has {len(files)} layers and digests of {len(config.diff_ids)}", _BROKEN
        )
    layers = [_layer(reader, content, *layer) for layer in zip(files, config.diff_ids, strict=True)]
    return Loaded(put_image(content, layers, document), names)


def _layer(reader: Reader, content: Content, name: str, diff_id: str) -> Descriptor:
    """Bring in a layer: a plain one has its diff id as digest, of a packed one it is computed."""
    with reader.open(name) as file:
        head = file.read(6)
    kind = {b"\x1f\x8b": "+gzip", b"\x28\xb5": "+zstd"}.get(head[:2], "")
    if head.startswith(_WITHOUT_MEDIA_TYPE):
        return _unpacked(reader, content, name, diff_id)
    plain = Descriptor(OCI_LAYER, diff_id, reader.size(name))
    if not kind and content.has(diff_id):
        return plain
    with reader.open(name) as file, content.write(None if kind else plain) as writer:
        while data := file.read(_PIECE):
            writer.write(data)
    if not kind:
        return plain
    packed = writer.describe(OCI_LAYER + kind)
    with content.open(packed.digest) as file:
        stream = LayerStream(file, LIMITS)
        try:
            found = stream.finish()
        finally:
            stream.close()
    _check(found, diff_id)
    return packed


def _unpacked(reader: Reader, content: Content, name: str, diff_id: str) -> Descriptor:
    """Bring in a layer as it was before it was packed in a way that no manifest can say."""
    with reader.open(name) as file, content.write() as writer:
        for piece in uncompressed(Packed(file), LIMITS):
            writer.write(piece)
        _check(writer.digest, diff_id)
    return writer.describe(OCI_LAYER)


def _check(found: str, diff_id: str) -> None:
    if found != diff_id:
        raise ImageError(f"a layer of the saved image unpacks to {found} instead of {diff_id}", _BROKEN)
