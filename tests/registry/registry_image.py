"""Small images in a content store."""

import gzip
import hashlib
import io
import random
import tarfile
from collections.abc import Sequence
from dataclasses import replace

from runtime.image.config import ImageConfig
from runtime.image.content import Content
from runtime.image.model import OCI_CONFIG, OCI_INDEX, OCI_LAYER, OCI_MANIFEST, Descriptor, Index, Manifest
from runtime.image.platform import Platform


def make_image(
    content: Content, sizes: Sequence[int] = (1000, 2000), seed: int = 1, platform: Platform | None = None
) -> Descriptor:
    """An image with a layer for each size, each with one file of so many random bytes; its manifest."""
    platform, chance = platform or Platform.host(), random.Random(seed)
    layers, diff_ids = [], []
    for number, size in enumerate(sizes):
        archive = io.BytesIO()
        with tarfile.open(fileobj=archive, mode="w") as tar:
            member = tarfile.TarInfo(f"file{number}")
            member.size = size
            tar.addfile(member, io.BytesIO(chance.randbytes(size)))
        diff_ids.append(f"sha256:{hashlib.sha256(archive.getvalue()).hexdigest()}")
        packed = gzip.compress(archive.getvalue(), 1, mtime=0)
        layers.append(content.put(packed, f"{OCI_LAYER}+gzip"))
    config = ImageConfig(platform.architecture, platform.os, tuple(diff_ids), cmd=("/file0",))
    manifest = Manifest(content.put(config.serialise(), OCI_CONFIG), tuple(layers))
    return content.put(manifest.serialise(), OCI_MANIFEST)


def make_index(content: Content, platforms: Sequence[Platform]) -> Descriptor:
    """An index of one image a platform."""
    manifests = [
        replace(make_image(content, (500,), seed, platform), platform=platform)
        for seed, platform in enumerate(platforms, 10)
    ]
    return content.put(Index(tuple(manifests)).serialise(), OCI_INDEX)


def blobs(content: Content, manifest: Descriptor) -> tuple[Descriptor, ...]:
    """The configuration and layers of an image."""
    parsed = Manifest.parse(content.read(manifest))
    return (parsed.config, *parsed.layers)
