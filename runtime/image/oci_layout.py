"""Images as an OCI layout: a directory or archive with index.json and blobs (OCI image-layout.md)."""

from collections.abc import Sequence
from dataclasses import dataclass, replace

from runtime.image.archive import Reader, Writer, add_document, read_document
from runtime.image.content import Content
from runtime.image.fields import Fields
from runtime.image.graph import DEEPEST, walk
from runtime.image.model import (
    DOCUMENT_LIMIT,
    INDEXES,
    MANIFESTS,
    OCI_INDEX,
    Descriptor,
    Index,
    Manifest,
    parse_manifest,
)
from runtime.image.reference import Reference
from tare.errors import ImageError, UsageError

LAYOUT = "oci-layout"
_VERSION = b'{"imageLayoutVersion":"1.0.0"}'
_INDEX = "index.json"
_NAME = "org.opencontainers.image.ref.name"
_FULL_NAME = "io.containerd.image.name"
_MOST_IMAGES = 1000
_PIECE = 1 << 20


@dataclass(frozen=True)
class Loaded:
    """An image that came in; all of it is in the content.

    Args:
        root: of its manifest or index.
        names: as it was saved under.
        tag: its tag, where the archive says no name.
    """

    root: Descriptor
    names: tuple[str, ...]
    tag: str = ""


def is_layout(reader: Reader) -> bool:
    """Whether there is an OCI layout."""
    return reader.has(LAYOUT) and reader.has(_INDEX)


def load(reader: Reader, content: Content) -> tuple[Loaded, ...]:
    """Bring all images of a layout into the content, verified; the caller holds Content.adding.

    Raises:
        ImageError: something is missing or damaged, or an index is in an index without end.
    """
    version = Fields.parse(read_document(reader, LAYOUT), LAYOUT).text("imageLayoutVersion")
    if not version.startswith("1."):
        raise ImageError(f"the layout is of version {version[:40]!r}", "only version 1 is known")
    index = Index.parse(read_document(reader, _INDEX))
    if len(index.manifests) > _MOST_IMAGES:
        raise ImageError(f"the layout has more than {_MOST_IMAGES} images", "save fewer at once")
    names: dict[Descriptor, list[str]] = {}
    tags: dict[Descriptor, str] = {}
    loader = _Loader(reader, content)
    for entry in index.manifests:
        if entry.media_type not in MANIFESTS | INDEXES:
            continue
        loader.bring(entry)
        root = replace(entry, annotations={}, platform=None, other={})
        name, tag = _named(entry)
        names.setdefault(root, []).extend([name] if name else [])
        tags.setdefault(root, tag)
    return tuple(Loaded(root, tuple(found), tags[root]) for root, found in names.items())


def save(images: Sequence[tuple[Descriptor, Sequence[str]]], content: Content, writer: Writer) -> None:
    """Write images as a layout.

    Args:
        images: each one's root and names.
        content: where they are.
        writer: takes the files.

    Raises:
        ImageError: something is missing.
    """
    add_document(writer, LAYOUT, _VERSION)
    references = [Reference.parse(name) for _, names in images for name in names]
    tags = [reference.tag for reference in references]
    entries = []
    for root, names in images:
        for name in names or [""]:
            reference = Reference.parse(name) if name else None
            unique = reference and reference.tag and tags.count(reference.tag) == 1
            short = reference.tag if reference and unique else name
            annotations = {_FULL_NAME: name, _NAME: short} if name else {}
            entries.append(replace(root, annotations=annotations))
    add_document(writer, _INDEX, Index(tuple(entries), OCI_INDEX).serialise())
    written: set[str] = set()
    for root, _ in images:
        for part in walk(content, root):
            if part.digest not in written:
                written.add(part.digest)
                with content.open(part.digest) as file:
                    writer.add(blob(part.digest), part.size, file)


def blob(digest: str) -> str:
    """The file of a digest in a layout."""
    return f"blobs/{digest.replace(':', '/')}"


class _Loader:
    def __init__(self, reader: Reader, content: Content) -> None:
        self._reader = reader
        self._content = content
        self._brought: set[str] = set()

    def bring(self, root: Descriptor, depth: int = 0) -> None:
        """A manifest after all it refers to, so that one that is here is whole."""
        if root.digest in self._brought:
            return
        self._brought.add(root.digest)
        if root.size > DOCUMENT_LIMIT or depth > DEEPEST:
            raise ImageError(
                f"{root.digest} is too large or too deep in indexes", "the saved image is broken"
            )
        data = read_document(self._reader, blob(root.digest))
        with self._content.write(root) as writer:
            writer.write(data)
            writer.verify()
            found = parse_manifest(data, root.media_type)
            if isinstance(found, Manifest):
                for part in (found.config, *found.layers):
                    self._copy(part)
            else:
                self._index(found, depth)

    def _index(self, index: Index, depth: int) -> None:
        present = [entry for entry in index.manifests if self._reader.has(blob(entry.digest))]
        if not present:
            raise ImageError("an index in the saved image has none of its manifests with it", "save it again")
        for entry in present:
            self.bring(entry, depth + 1)

    def _copy(self, part: Descriptor) -> None:
        if self._content.has(part.digest):
            return
        with self._reader.open(blob(part.digest)) as file, self._content.write(part) as writer:
            while data := file.read(_PIECE):
                writer.write(data)


def _named(entry: Descriptor) -> tuple[str, str]:
    """Name and tag an entry says; a name without a repository is a tag, as skopeo and umoci write it."""
    full = entry.annotations.get(_FULL_NAME, "")
    short = entry.annotations.get(_NAME, "")
    for text in (full, short if "/" in short or ":" in short else ""):
        if text:
            try:
                return str(Reference.parse(text).tagged()), ""
            except UsageError:
                continue
    return "", short
