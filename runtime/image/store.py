"""The images of a state: found by name or id, shared by processes, and their garbage collected."""

import re
from collections.abc import Iterable
from dataclasses import dataclass

from runtime.image.chain import chain_ids
from runtime.image.config import ImageConfig
from runtime.image.content import Content
from runtime.image.graph import config_of, manifest_for, walk
from runtime.image.model import MANIFESTS, Descriptor, Manifest
from runtime.image.names import Names, NamesFile
from runtime.image.platform import Platform
from runtime.image.reference import Reference
from tare.errors import ImageError, UsageError
from tare.state import State

_ID = re.compile(r"(?:sha256:)?([0-9a-f]{4,64})")


@dataclass(frozen=True)
class StoredImage:
    """An image that is here.

    Args:
        id: digest of its configuration, as docker has it.
        names: how it is called, in order.
        root: what the names refer to, a manifest or an index.
        descriptor: of the manifest.
        manifest: the one for the platform.
        config: its configuration.
        size: bytes of its layers as packed.
        created: RFC 3339 time, may be empty.
    """

    id: str
    names: tuple[str, ...]
    root: Descriptor
    descriptor: Descriptor
    manifest: Manifest
    config: ImageConfig
    size: int
    created: str

    @property
    def layers(self) -> tuple[str, ...]:
        """Chain ids of its layers, bottom first."""
        return chain_ids(self.config.diff_ids)

    def called(self, said: str) -> str:
        """The name a person meant; empty when that was an id or a digest."""
        text = _as_name(said)
        return text if text in self.names else ""


class ImageStore:
    """All images of a state.

    Args:
        state: whose data directory holds them.
    """

    def __init__(self, state: State) -> None:
        self.content = Content(state.directory("content"))
        self._names = NamesFile(state.directory("image"))

    def get(self, name: str, platform: Platform | None = None) -> StoredImage:
        """The image a person means: a name, an id or its beginning, or `name@digest`.

        Args:
            name: what was said.
            platform: of an image for several; this host's, or the only one here, when None.

        Raises:
            ImageError: there is none, several begin so, or it is broken.
        """
        names = self._names.read()
        root = self._find(names, name)
        try:
            return self._image(root, names[root], platform)
        except ImageError:
            # Another process may have removed it meanwhile.
            if root not in self._names.read():
                raise _unknown(name) from None
            raise

    def list(self) -> tuple[StoredImage, ...]:
        """All images that can be read, newest first; `check` tells of the others."""
        found = []
        for root, names in self._names.read().items():
            try:
                found.append(self._image(root, names))
            except ImageError:
                continue
        return tuple(sorted(found, key=lambda image: image.created, reverse=True))

    def layers(self, image: StoredImage) -> tuple[str, ...]:
        """Chain ids of an image's layers, bottom first."""
        return image.layers

    def add(self, root: Descriptor, names: Iterable[str] = ()) -> StoredImage:
        """Make an image known whose content is here, under names that other images lose.

        Call this within Content.adding, begun before the content came.

        Args:
            root: of its manifest or index.
            names: may be none.

        Raises:
            ImageError: something of it is missing or broken.
            UsageError: a name is none.
        """
        root = Descriptor(root.media_type, root.digest, root.size)
        texts = {str(Reference.parse(name).tagged()) for name in names}
        image = self._image(root, texts)
        for descriptor in walk(self.content, root):
            if self.content.size(descriptor.digest) != descriptor.size:
                raise ImageError(
                    f"content {descriptor.digest} has another size than its image says", "get it again"
                )
        with self._names.change() as known:
            for others in known.values():
                others.difference_update(texts)
            known.setdefault(root, set()).update(texts)
        return image

    def read(self, root: Descriptor, platform: Platform | None = None) -> StoredImage:
        """An image whose content is here, known or not, without its names.

        Raises:
            ImageError: it is broken, or there is none for the platform.
        """
        return self._image(root, (), platform)

    def tag(self, name: str, new: str) -> None:
        """Give an image one more name, which another image loses.

        Raises:
            ImageError: there is no such image.
            UsageError: the name is none, or has a digest.
        """
        reference = Reference.parse(new).tagged()
        if reference.digest:
            raise UsageError(f"{new!r} has a digest", "a new name has a tag only")
        with self._names.change() as known:
            root = self._find(known, name)
            for others in known.values():
                others.discard(str(reference))
            known[root].add(str(reference))

    def untag(self, name: str) -> None:
        """Take a name from its image, which stays.

        Raises:
            ImageError: no image has it.
        """
        text = str(Reference.parse(name).tagged())
        with self._names.change() as known:
            for names in known.values():
                if text in names:
                    names.remove(text)
                    return
            raise _unknown(name)

    def remove(self, name: str, *, force: bool = False) -> tuple[str, ...]:
        """Remove a name, and with its last one the image; an id removes the image.

        The content goes when `collect` is called.

        Args:
            name: a name, an id or its beginning.
            force: whether an id removes an image with several names.

        Returns:
            Names that went; the root's digest follows when the image went.

        Raises:
            ImageError: there is none, or it has several names.
        """
        with self._names.change() as known:
            root = self._find(known, name)
            names = known[root]
            said = _as_name(name)
            if said in names and len(names) > 1:
                names.remove(said)
                return (said,)
            if len(names) > 1 and not force:
                raise ImageError(
                    f"image {name} has the names {', '.join(sorted(names))}",
                    "remove it by these, or by force",
                )
            del known[root]
            return (*sorted(names), root.digest)

    def forget(self, images: Iterable[StoredImage]) -> tuple[str, ...]:
        """Remove images with all names, which are returned; the content goes when `collect` is called."""
        with self._names.change() as known:
            return tuple(name for image in images for name in sorted(known.pop(image.root, ())))

    def collect(self, *, unnamed: bool = False) -> int:
        """Remove content that no image refers to, and what killed writers left; waits for those who add.

        Args:
            unnamed: whether images without a name go as well.

        Returns:
            Bytes that were freed.

        Raises:
            ImageError: an image is too broken to know what it refers to.
        """
        with self.content.collecting():
            with self._names.change() as known:
                for root in [root for root, names in known.items() if unnamed and not names]:
                    del known[root]
            return self.drop_unused()

    def drop_unused(self) -> int:
        """As `collect`, for a caller that holds Content.collecting."""
        kept = {part.digest for root in self._names.read() for part in walk(self.content, root)}
        freed = 0
        for digest in list(self.content.digests()):
            if digest not in kept:
                freed += self.content.size(digest)
                self.content.remove(digest)
        self.content.remove_abandoned()
        return freed

    def chains(self) -> set[str]:
        """Chain ids of the layers of all images, for every platform that is here.

        Raises:
            ImageError: an image is too broken to know what it refers to.
        """
        parts = (part for root in self._names.read() for part in walk(self.content, root))
        manifests = (
            Manifest.parse(self.content.read(part)) for part in parts if part.media_type in MANIFESTS
        )
        return {chain for manifest in manifests for chain in self._chains(manifest)}

    def check(self, *, deep: bool = True) -> tuple[str, ...]:
        """What is wrong, one line each; empty when all images are whole.

        Args:
            deep: whether all content is read to verify its digest.
        """
        try:
            known = self._names.read()
        except ImageError as error:
            return (str(error),)
        problems = []
        for root, names in known.items():
            called = ", ".join(sorted(names)) or root.digest
            try:
                self._image(root, names)
                parts = list(walk(self.content, root))
            except ImageError as error:
                problems.append(f"{called}: {error.what}")
                continue
            problems += (f"{called}: {problem}" for part in parts if (problem := self._problem(part)))
        if deep:
            problems += (
                f"content {digest} is damaged"
                for digest in sorted(self.content.digests())
                if not self.content.verify(digest)
            )
        return tuple(problems)

    def _chains(self, manifest: Manifest) -> tuple[str, ...]:
        try:
            return chain_ids(config_of(self.content, manifest).diff_ids)
        except ImageError:
            # Builders put manifests of other things into an image's index, as attestations.
            return ()

    def _problem(self, part: Descriptor) -> str:
        if not self.content.has(part.digest):
            return f"content {part.digest} is missing"
        size = self.content.size(part.digest)
        return "" if size == part.size else f"content {part.digest} has {size} bytes instead of {part.size}"

    def _image(self, root: Descriptor, names: Iterable[str], platform: Platform | None = None) -> StoredImage:
        descriptor, manifest = manifest_for(self.content, root, platform)
        config = config_of(self.content, manifest)
        return StoredImage(
            manifest.config.digest,
            tuple(sorted(names)),
            root,
            descriptor,
            manifest,
            config,
            sum(layer.size for layer in manifest.layers),
            config.created,
        )

    def _find(self, known: Names, name: str) -> Descriptor:
        said = _as_name(name)
        for root, names in known.items():
            if said and said in names:
                return root
        if "@" in name and (found := self._by_digest(known, name)):
            return found
        wanted = _ID.fullmatch(name)
        matching = [root for root in known if wanted and self._begins(root, wanted[1])]
        if len(matching) > 1 and len({self._id(root) for root in matching}) > 1:
            raise ImageError(f"several images have an id that begins with {name}", "write more of it")
        if not matching:
            raise _unknown(name)
        return matching[0]

    def _by_digest(self, known: Names, name: str) -> Descriptor | None:
        reference = Reference.parse(name)
        for root, names in known.items():
            if root.digest == reference.digest and reference.name in {
                Reference.parse(text).name for text in names
            }:
                return root
        return None

    def _begins(self, root: Descriptor, start: str) -> bool:
        return any(digest.startswith(f"sha256:{start}") for digest in (root.digest, self._id(root)))

    def _id(self, root: Descriptor) -> str:
        try:
            return manifest_for(self.content, root)[1].config.digest
        except ImageError:
            return ""


def _as_name(text: str) -> str:
    try:
        return str(Reference.parse(text).tagged())
    except UsageError:
        return ""


def _unknown(name: str) -> ImageError:
    return ImageError(f"no image {name[:300]!r}", "see `tarebox images`, or pull or bootstrap it")
