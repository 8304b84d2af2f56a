"""Images from and to registries, several blobs at a time."""

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from typing import TypeVar

from runtime.image.content import Content
from runtime.image.graph import config_of
from runtime.image.model import DOCUMENT_LIMIT, Descriptor, Index, Manifest, parse_manifest
from runtime.image.platform import Platform, require
from runtime.image.registry import Repository, Session
from runtime.image.registry_errors import NotThere, RegistryError, Unreachable
from runtime.image.registry_upload import CHUNK, Progress, upload
from tare.errors import ImageError

_Found = TypeVar("_Found")
_DEEPEST = 4
_PROGRESS_THAT_COUNTS = 1 << 20


@dataclass(frozen=True)
class Pulled:
    """What came of a pull; all of it is in the content.

    Args:
        root: what the name refers to, an index or a manifest.
        manifest: the platform's.
    """

    root: Descriptor
    manifest: Descriptor


def pull(
    session: Session,
    host: str,
    repository: str,
    reference: str,
    content: Content,
    *,
    platform: Platform | None = None,
    progress: Progress = lambda *_: None,
) -> Pulled:
    """Bring an image's blobs, manifest and index into the content; what is there already is not asked for.

    Manifests come last, so one that is there has all it refers to. The caller holds `Content.adding` until a
    name refers to the image. What a failed pull has read is used by the next one.

    Args:
        session: is of no use any more when the pull fails.
        host: of the registry; empty for the default one.
        repository: its name there.
        reference: a tag or a digest.
        content: where to.
        platform: the one wanted of an index; this host's when None.
        progress: is told the bytes that are here of each blob, from several threads; of one that wasn't here
            also at its beginning.

    Raises:
        RegistryError: the registry fails or lies.
        ImageError: the image has nothing for the platform, or the disk is full.
        UsageError: the name has no meaning.
    """
    name = f"{host and f'{host}/'}{repository}{'@' if ':' in reference else ':'}{reference}"
    source = _Source(session.sources(host, repository), content, progress)
    try:
        root, data = source.first(lambda place: place.manifest(reference))
    except NotThere as error:
        raise NotThere(f"the image {name} was not found: {error.what}", error.hint) from error
    documents = {root: data}
    found, chosen = parse_manifest(data, root.media_type), root
    while isinstance(found, Index):
        if len(documents) > _DEEPEST:
            raise RegistryError(f"{name} is an index within an index without end")
        chosen = found.select(platform or Platform.host(), name)
        found = parse_manifest(documents.setdefault(chosen, source.document(chosen)), chosen.media_type)
    blobs = {blob.digest: blob for blob in (found.config, *found.layers)}
    if found.config.size > DOCUMENT_LIMIT:
        raise RegistryError(f"the configuration of {name} is larger than {DOCUMENT_LIMIT} bytes")
    if platform:
        source.fetch(found.config)
        require(config_of(content, found).platform, platform, name)
    _each(session, source.fetch, list(blobs.values()))
    for descriptor, document in reversed(documents.items()):
        with content.write(descriptor, resume=True) as writer:
            writer.write(document[writer.offset :])
    return Pulled(root, chosen)


def push(
    session: Session,
    host: str,
    repository: str,
    reference: str,
    root: Descriptor,
    content: Content,
    *,
    mount: str = "",
    chunk: int = CHUNK,
    progress: Progress = lambda *_: None,
) -> None:
    """Bring an image to a registry: its blobs, then its manifests, then what the tag shall refer to.

    Args:
        session: is of no use any more when the push fails.
        host: of the registry; empty for the default one.
        repository: its name there.
        reference: a tag, or the digest of `root`.
        root: a manifest, or an index all of whose manifests are in the content.
        content: where from.
        mount: name of another repository of that registry that may have the blobs.
        chunk: bytes of one request.
        progress: is told the bytes that are there of each blob, from several threads; also of one sent
            at its beginning.

    Raises:
        RegistryError: the registry fails or refuses.
        ImageError: part of the image is missing here.
        UsageError: the name has no meaning.
    """
    target = session.destination(host, repository, *([mount] if mount else []))
    documents = list(_documents(root, content, 0))
    manifests = [parsed for _, _, parsed in documents if isinstance(parsed, Manifest)]
    blobs = {blob.digest: blob for parsed in manifests for blob in (parsed.config, *parsed.layers)}
    for blob in blobs.values():
        if content.size(blob.digest) != blob.size:
            raise ImageError(
                f"{blob.digest} has not the {blob.size} bytes its manifest says", "pull it again"
            )

    def send(blob: Descriptor) -> None:
        upload(
            target,
            blob,
            lambda: content.open(blob.digest),
            mount=mount,
            chunk=chunk,
            progress=progress,
        )

    _each(session, send, list(blobs.values()))
    for descriptor, data, _ in documents:
        target.put_manifest(reference if descriptor == root else descriptor.digest, descriptor, data)


class _Source:
    """The places an image may come from, the nearest first; a mirror that fails is not asked again."""

    def __init__(self, places: tuple[Repository, ...], content: Content, progress: Progress) -> None:
        self._places = places
        self._content = content
        self._progress = progress

    def first(self, ask: Callable[[Repository], _Found]) -> _Found:
        """What the first place gives that can."""
        *mirrors, own = self._places
        for place in mirrors:
            try:
                return ask(place)
            except ImageError:
                self._places = tuple(other for other in self._places if other is not place)
        return ask(own)

    def document(self, descriptor: Descriptor) -> bytes:
        """A manifest or index that another document names."""
        if descriptor.size > DOCUMENT_LIMIT:
            raise RegistryError(f"{descriptor.digest} is a manifest larger than {DOCUMENT_LIMIT} bytes")
        if self._content.has(descriptor.digest):
            return self._content.read(descriptor)
        data = self.first(lambda place: place.manifest(descriptor.digest))[1]
        if len(data) != descriptor.size:
            raise RegistryError(f"{descriptor.digest} has {len(data)} bytes instead of {descriptor.size}")
        return data

    def fetch(self, blob: Descriptor) -> None:
        """Bring a blob into the content."""
        if not self._content.has(blob.digest):
            self.first(lambda place: self._fetch(place, blob))
        self._progress(blob, blob.size)

    def _fetch(self, place: Repository, blob: Descriptor) -> None:
        if not self._read(place, blob):
            # What was left of an earlier try may have been wrong, and is gone now.
            self._read(place, blob)

    def _read(self, place: Repository, blob: Descriptor) -> bool:
        """Read what is missing of a blob; whether it is right, false only when an earlier part was used."""
        start = 0
        try:
            with self._content.write(blob, resume=True) as writer:
                start, attempt = writer.offset, 1
                self._progress(blob, start)
                while (before := writer.offset) < blob.size:
                    try:
                        for data in place.blob(blob, before):
                            writer.write(data)
                            self._progress(blob, writer.offset)
                    except Unreachable as error:
                        attempt = 1 if writer.offset - before >= _PROGRESS_THAT_COUNTS else attempt
                        place.transport.pause(attempt, error)
                        attempt += 1
                if start < blob.size and writer.digest != blob.digest:
                    raise _Wrong(
                        f"{place.place} sent something else as {blob.digest}", "the registry is broken"
                    )
        except _Wrong:
            if start:
                return False
            raise
        return True


class _Wrong(RegistryError):
    """Content has another digest than asked for."""


def _documents(
    root: Descriptor, content: Content, depth: int
) -> Iterator[tuple[Descriptor, bytes, Manifest | Index]]:
    """All manifests and indexes below one, each after those it names."""
    if depth > _DEEPEST:
        raise ImageError(f"{root.digest} is an index within an index without end", "pull it again")
    data = content.read(root)
    found = parse_manifest(data, root.media_type)
    if isinstance(found, Index):
        for entry in found.manifests:
            if not content.has(entry.digest):
                raise ImageError(
                    f"{entry.platform or entry.digest} of the image is not here",
                    "push one platform's manifest",
                )
            yield from _documents(entry, content, depth + 1)
    yield root, data, found


def _each(session: Session, work: Callable[[Descriptor], None], blobs: Iterable[Descriptor]) -> None:
    """Do the work for all blobs, some at a time, the largest first; the first failure ends the others."""
    from concurrent.futures import FIRST_EXCEPTION, ThreadPoolExecutor, wait

    pool = ThreadPoolExecutor(session.connections, thread_name_prefix="tare-transfer")
    try:
        futures = [pool.submit(work, blob) for blob in sorted(blobs, key=lambda blob: -blob.size)]
        for future in wait(futures, return_when=FIRST_EXCEPTION).done:
            future.result()
    except BaseException:
        session.transport.stop()
        raise
    finally:
        pool.shutdown(cancel_futures=True)
