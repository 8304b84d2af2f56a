"""`save` and `load`: images of the store as files, and files of docker, podman and skopeo as images."""

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import BinaryIO, Literal

from runtime.image import docker_archive, oci_layout
from runtime.image.archive import reading, writing
from runtime.image.model import Descriptor
from runtime.image.oci_layout import Loaded
from runtime.image.reference import Reference
from runtime.image.store import ImageStore, StoredImage
from tare.errors import ImageError


def save(
    store: ImageStore,
    names: Sequence[str],
    target: Path | BinaryIO,
    *,
    form: Literal["docker", "oci"] = "docker",
    directory: bool = False,
) -> None:
    """Write images with the names they are asked for by; all platforms that are here.

    Args:
        store: where the images are.
        names: names, or ids for images without a name.
        target: a path, or an open file for an archive.
        form: `docker` can be read as both, `oci` is a layout alone.
        directory: whether it becomes a directory instead of an archive.

    Raises:
        ImageError: an image is missing, or the target can't be written.
    """
    with store.content.adding():
        images: dict[Descriptor, list[str]] = {}
        for name in names:
            image = store.get(name)
            called = image.called(name)
            images.setdefault(image.root, []).extend([called] if called else [])
        saved = list(images.items())
        write = docker_archive.save if form == "docker" else oci_layout.save
        with writing(target, directory=directory) as writer:
            write(saved, store.content, writer)


def load(
    store: ImageStore,
    source: Path | BinaryIO,
    name: str = "",
    *,
    unpack: Callable[[StoredImage], object] = lambda _: None,
) -> tuple[StoredImage, ...]:
    """Bring in all images of an archive or directory, with the names they were saved under.

    Args:
        store: where to.
        source: an archive, packed or not, a pipe, or a directory.
        name: for an image that has none; with its tag where the archive says one.
        unpack: is given each image before any becomes visible.

    Raises:
        ImageError: it is no saved image, is damaged or incomplete; nothing of it becomes visible.
        TareError: what `unpack` raises.
        UsageError: `name` is none.
    """
    with store.content.adding(), reading(source, store.content.scratch) as reader:
        if oci_layout.is_layout(reader):
            loaded = oci_layout.load(reader, store.content)
        elif docker_archive.is_docker_archive(reader):
            loaded = docker_archive.load(reader, store.content)
        else:
            raise ImageError(
                "there is neither index.json nor manifest.json in it", "use `tarebox import` for files alone"
            )
        for image in loaded:
            unpack(store.read(image.root))
        return tuple(store.add(image.root, image.names or _given(name, image)) for image in loaded)


def _given(name: str, image: Loaded) -> list[str]:
    if not name:
        return []
    reference = Reference.parse(name)
    return [f"{name}:{image.tag}" if image.tag and not reference.tag else name]
