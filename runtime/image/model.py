"""The documents of an image as data; what is unknown is kept (OCI image specification, Docker v2.2)."""

from dataclasses import dataclass, field
from typing import Any

from runtime.image.digest import check_digest
from runtime.image.fields import Fields, document, without_empty
from runtime.image.platform import Platform, best_match
from tare.errors import ImageError

OCI_MANIFEST = "application/vnd.oci.image.manifest.v1+json"
OCI_INDEX = "application/vnd.oci.image.index.v1+json"
OCI_CONFIG = "application/vnd.oci.image.config.v1+json"
OCI_LAYER = "application/vnd.oci.image.layer.v1.tar"
DOCKER_MANIFEST = "application/vnd.docker.distribution.manifest.v2+json"
DOCKER_INDEX = "application/vnd.docker.distribution.manifest.list.v2+json"
DOCKER_CONFIG = "application/vnd.docker.container.image.v1+json"
DOCKER_LAYER = "application/vnd.docker.image.rootfs.diff.tar"

MANIFESTS = frozenset({OCI_MANIFEST, DOCKER_MANIFEST})
INDEXES = frozenset({OCI_INDEX, DOCKER_INDEX})
CONFIGS = frozenset({OCI_CONFIG, DOCKER_CONFIG})
_OCI_FOREIGN = "application/vnd.oci.image.layer.nondistributable.v1.tar"
LAYERS = frozenset(
    {
        *(f"{kind}{suffix}" for kind in (OCI_LAYER, _OCI_FOREIGN) for suffix in ("", "+gzip", "+zstd")),
        DOCKER_LAYER,
        *(f"{DOCKER_LAYER}.{suffix}" for suffix in ("gzip", "zstd")),
        "application/vnd.docker.image.rootfs.foreign.diff.tar.gzip",
    }
)

DOCUMENT_LIMIT = 4 << 20
"""Bytes a manifest, index or config may have; registries hold to the same limit."""

_BROKEN = "the image is broken, get it again"


@dataclass(frozen=True)
class Descriptor:
    """What a piece of content is, its size and digest (descriptor.md).

    Args:
        media_type: what kind of content.
        digest: `sha256:` or `sha512:` and lower case hex digits.
        size: bytes.
        annotations: free labels.
        platform: what it runs on, in an index.
        other: fields not known here.
    """

    media_type: str
    digest: str
    size: int
    annotations: dict[str, str] = field(default_factory=dict, hash=False)
    platform: Platform | None = None
    other: dict[str, Any] = field(default_factory=dict, hash=False)

    @classmethod
    def read(cls, value: object) -> "Descriptor":
        """A descriptor as JSON has it.

        Raises:
            ImageError: its digest or size is none.
        """
        fields = Fields(value, "a descriptor")
        platform = fields.mapping("platform")
        return cls(
            fields.text("mediaType"),
            check_digest(fields.text("digest")),
            fields.whole("size"),
            fields.labels("annotations"),
            Platform.read(platform) if platform is not None else None,
            fields.rest(),
        )

    def fields(self) -> dict[str, Any]:
        """As JSON has it."""
        platform = self.platform.fields() if self.platform else None
        more = without_empty({**self.other, "annotations": self.annotations, "platform": platform})
        return {"mediaType": self.media_type, "digest": self.digest, "size": self.size, **more}


@dataclass(frozen=True)
class Manifest:
    """An image for one platform (manifest.md).

    Args:
        config: of the image's configuration.
        layers: bottom first.
        media_type: OCI_MANIFEST or DOCKER_MANIFEST.
        annotations: free labels.
        other: fields not known here.
    """

    config: Descriptor
    layers: tuple[Descriptor, ...]
    media_type: str = OCI_MANIFEST
    annotations: dict[str, str] = field(default_factory=dict, hash=False)
    other: dict[str, Any] = field(default_factory=dict, hash=False)

    @classmethod
    def parse(cls, data: bytes) -> "Manifest":
        """A manifest's document.

        Raises:
            ImageError: it is none.
        """
        found = parse_manifest(data)
        if isinstance(found, Index):
            raise ImageError("an index stands where an image's manifest is needed", _BROKEN)
        return found

    def serialise(self) -> bytes:
        """The document of a manifest that is made here."""
        return document(
            {
                "schemaVersion": 2,
                "mediaType": self.media_type,
                "config": self.config.fields(),
                "layers": [layer.fields() for layer in self.layers],
                **self.other,
                "annotations": self.annotations,
            }
        )


@dataclass(frozen=True)
class Index:
    """Manifests of one image for several platforms, or the entries of a layout (image-index.md).

    Args:
        manifests: of manifests or further indexes.
        media_type: OCI_INDEX or DOCKER_INDEX.
        annotations: free labels.
        other: fields not known here.
    """

    manifests: tuple[Descriptor, ...]
    media_type: str = OCI_INDEX
    annotations: dict[str, str] = field(default_factory=dict, hash=False)
    other: dict[str, Any] = field(default_factory=dict, hash=False)

    @classmethod
    def parse(cls, data: bytes) -> "Index":
        """An index's document.

        Raises:
            ImageError: it is none.
        """
        found = parse_manifest(data)
        if isinstance(found, Manifest):
            raise ImageError("a manifest stands where an index is needed", _BROKEN)
        return found

    def serialise(self) -> bytes:
        """The document of an index that is made here."""
        return document(
            {
                "schemaVersion": 2,
                "mediaType": self.media_type,
                "manifests": [manifest.fields() for manifest in self.manifests],
                **self.other,
                "annotations": self.annotations,
            }
        )

    def select(self, platform: Platform, name: str = "the image") -> Descriptor:
        """The manifest that runs best on a platform; the only one when it says no platform.

        Args:
            platform: the one wanted.
            name: what the image is called when there is none.

        Raises:
            ImageError: none runs there.
        """
        if len(self.manifests) == 1 and self.manifests[0].platform is None:
            return self.manifests[0]
        place = best_match([manifest.platform for manifest in self.manifests], platform)
        if place is None:
            offered = ", ".join(sorted({str(entry.platform) for entry in self.manifests if entry.platform}))
            raise ImageError(f"{name} has nothing for {platform}", f"it is there for: {offered or 'nothing'}")
        return self.manifests[place]


def parse_manifest(data: bytes, media_type: str = "") -> Manifest | Index:
    """A manifest or an index, told apart by its media type or, where it says none, by its fields.

    Args:
        data: the document.
        media_type: what the descriptor or the registry said it is, or "".

    Raises:
        ImageError: it is neither, is too large, or is not what was said.
    """
    if len(data) > DOCUMENT_LIMIT:
        raise ImageError(f"a manifest has {len(data)} bytes, at most {DOCUMENT_LIMIT} are allowed", _BROKEN)
    fields = Fields.parse(data, "a manifest")
    said, version = fields.text("mediaType"), fields.whole("schemaVersion")
    rest = fields.rest()
    if version != 2:
        raise ImageError(f"manifests of schema version {version} are not supported", "convert the image")
    known = media_type if media_type in MANIFESTS | INDEXES else ""
    if said and known and said != known:
        raise ImageError(f"a manifest says it is {said!r} and was announced as {known!r}", _BROKEN)
    # One document that reads as both could be checked as one and used as the other (CVE-2021-41190).
    if "manifests" in rest and ("config" in rest or "layers" in rest):
        raise ImageError("a document is an index and a manifest at once", _BROKEN)
    kind = said or known or (OCI_INDEX if "manifests" in rest else OCI_MANIFEST)
    annotations = fields.labels("annotations")
    if kind in INDEXES and "manifests" in rest:
        manifests = tuple(map(Descriptor.read, fields.values("manifests")))
        return Index(manifests, kind, annotations, rest)
    if kind in MANIFESTS and "config" in rest:
        layers = tuple(map(Descriptor.read, fields.values("layers")))
        return Manifest(Descriptor.read(fields.mapping("config")), layers, kind, annotations, rest)
    raise ImageError(f"a manifest of type {kind[:80]!r} is not an image's", "only images are supported")
