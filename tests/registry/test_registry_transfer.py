"""Images to and from a real registry, beside skopeo."""

import json
from pathlib import Path

import pytest
from registry.registry_image import blobs, make_image, make_index
from registry.registry_server import skopeo

from runtime.image.bootstrap_busybox import bootstrap_busybox
from runtime.image.content import Content
from runtime.image.model import Descriptor, Manifest
from runtime.image.platform import Platform
from runtime.image.registry import Session
from runtime.image.registry_config import Host, Registries
from runtime.image.registry_errors import NotThere
from runtime.image.store import ImageStore
from runtime.image.transfer import pull, push
from tare.errors import ImageError, UsageError
from tare.state import State


def test_what_is_pushed_is_pulled(registry: str, session: Session, ours: Content, theirs: Content) -> None:
    image = make_image(ours, (1, 100_000, 3_000_000))
    push(session, registry, "round/trip", "v1", image, ours)
    seen: dict[Descriptor, int] = {}
    pulled = pull(session, registry, "round/trip", "v1", theirs, progress=seen.__setitem__)
    assert pulled.root == pulled.manifest == image
    assert set(theirs.digests()) == set(ours.digests())
    assert seen == {blob: blob.size for blob in blobs(ours, image)}
    assert not list(theirs.partial())


def test_an_image_by_digest(registry: str, session: Session, ours: Content, theirs: Content) -> None:
    image = make_image(ours)
    push(session, registry, "by/digest", image.digest, image, ours)
    assert pull(session, registry, "by/digest", image.digest, theirs).manifest == image


def test_skopeo_reads_what_we_push(registry: str, session: Session, ours: Content, tmp_path: Path) -> None:
    image = make_image(ours)
    push(session, registry, "for-skopeo", "latest", image, ours)
    skopeo("copy", "--src-tls-verify=false", f"docker://{registry}/for-skopeo:latest", f"dir:{tmp_path}/out")
    assert (tmp_path / "out/manifest.json").read_bytes() == ours.read(image)
    for blob in blobs(ours, image):
        assert (tmp_path / "out" / blob.digest.partition(":")[2]).stat().st_size == blob.size


@pytest.mark.parametrize("form", ["oci", "v2s2"])
def test_we_read_what_skopeo_pushes(
    registry: str, session: Session, ours: Content, theirs: Content, tmp_path: Path, form: str
) -> None:
    image = make_image(ours, (5000, 6000))
    for blob in (image, *blobs(ours, image)):
        name = "manifest.json" if blob == image else blob.digest.partition(":")[2]
        (tmp_path / "in").mkdir(exist_ok=True)
        (tmp_path / "in" / name).write_bytes(ours.path(blob.digest).read_bytes())
    (tmp_path / "in/version").write_text("Directory Transport Version: 1.1\n")
    target = f"docker://{registry}/from-skopeo:{form}"
    skopeo("copy", "--dest-tls-verify=false", "--format", form, f"dir:{tmp_path}/in", target)
    pulled = pull(session, registry, "from-skopeo", form, theirs)
    layers = Manifest.parse(theirs.read(pulled.manifest)).layers
    assert [layer.digest for layer in layers] == [blob.digest for blob in blobs(ours, image)[1:]]
    told = json.loads(skopeo("inspect", "--tls-verify=false", target).stdout)
    assert told["Digest"] == pulled.root.digest


def test_an_index_is_kept_and_one_platform_chosen(
    registry: str, session: Session, ours: Content, theirs: Content
) -> None:
    index = make_index(ours, [Platform("amd64"), Platform("arm64", variant="v8"), Platform("s390x")])
    push(session, registry, "many", "all", index, ours)
    pulled = pull(session, registry, "many", "all", theirs, platform=Platform("s390x"))
    assert pulled.root == index
    assert pulled.manifest.platform == Platform("s390x")
    assert theirs.has(index.digest)
    assert len(list(theirs.digests())) == 4
    with pytest.raises(ImageError, match="nothing for linux/riscv64; it is there for: linux/amd64"):
        pull(session, registry, "many", "all", theirs, platform=Platform("riscv64"))
    with pytest.raises(ImageError, match="is not here; push one platform's manifest"):
        push(session, registry, "many", "again", index, theirs)


def test_large_content_goes_in_chunks(
    registry: str, session: Session, ours: Content, theirs: Content
) -> None:
    image = make_image(ours, (2_500_000,))
    push(session, registry, "chunked", "latest", image, ours, chunk=1 << 20)
    pull(session, registry, "chunked", "latest", theirs)
    assert set(theirs.digests()) == set(ours.digests())


def test_content_is_mounted_from_another_repository(registry: str, session: Session, ours: Content) -> None:
    image = make_image(ours, (1234,), seed=77)
    push(session, registry, "mount/source", "latest", image, ours)
    sent: list[int] = []
    push(
        session,
        registry,
        "mount/target",
        "latest",
        image,
        ours,
        mount="mount/source",
        progress=lambda _, size: sent.append(size),
    )
    # Nothing is sent in parts: each blob is there at once.
    assert sorted(sent) == sorted(blob.size for blob in blobs(ours, image))


def test_tags_and_deletion(registry: str, session: Session, ours: Content) -> None:
    image = make_image(ours, seed=5)
    for tag in ("a", "b", "c"):
        push(session, registry, "tagged", tag, image, ours)
    repository = session.managed(registry, "tagged")
    assert sorted(repository.tags()) == ["a", "b", "c"]
    assert repository.resolve("b") == image.digest
    repository.delete("b")
    with pytest.raises(NotThere, match=r"tagged/manifests/a answered 404 \(manifest unknown\)"):
        repository.manifest("a")
    layer = blobs(ours, image)[1]
    assert repository.has_blob(layer.digest)
    repository.delete_blob(layer.digest)
    assert not repository.has_blob(layer.digest)


def test_mirrors_are_asked_first(registry: str, ours: Content, theirs: Content) -> None:
    dead, image = "127.0.0.1:1", make_image(ours, seed=9)
    hosts = {
        "registry.example": Host("registry.example", False, (dead, registry, f"{registry}/cache")),
        registry: Host(registry, True, (f"{registry}/nothing/here",)),
    }
    with Session(Registries("registry.example", hosts)) as session:
        push(session, registry, "cache/mirrored", "latest", image, ours)
        assert pull(session, "registry.example", "mirrored", "latest", theirs).manifest == image
        assert pull(session, "", "mirrored", "latest", theirs).manifest == image
        assert pull(session, registry, "cache/mirrored", "latest", theirs).manifest == image


def test_names_without_meaning(session: Session, theirs: Content) -> None:
    with pytest.raises(UsageError, match="names no registry and none is configured"):
        pull(session, "", "busybox", "latest", theirs)
    with pytest.raises(UsageError, match="is not a repository's name"):
        pull(session, "localhost:1", "../etc", "latest", theirs)
    with pytest.raises(UsageError, match="is no tag"):
        pull(session, "localhost:1", "busybox", "a/../b", theirs)
    with pytest.raises(UsageError, match="is not a registry's host"):
        pull(session, "local host", "busybox", "latest", theirs)
    with pytest.raises(ImageError, match="can't connect to http://localhost:1/v2/busybox/manifests/latest: "):
        pull(session, "localhost:1", "busybox", "latest", theirs)


def test_an_image_of_the_store_comes_back(registry: str, session: Session, tmp_path: Path) -> None:
    """Made here, pushed, seen by skopeo, pulled into another store; what belongs to no name is collected."""
    one, two = (ImageStore(State.at(tmp_path / name)) for name in ("one", "two"))
    image = bootstrap_busybox(one)
    push(session, registry, "made/busybox", "here", image.root, one.content)
    told = json.loads(
        skopeo("inspect", "--tls-verify=false", f"docker://{registry}/made/busybox:here").stdout
    )
    assert (told["Digest"], told["Os"]) == (image.root.digest, "linux")
    with two.content.adding():
        pulled = pull(session, registry, "made/busybox", "here", two.content)
        two.add(pulled.root, [f"{registry}/made/busybox:here"])
    assert two.collect() == 0
    assert two.get(f"{registry}/made/busybox:here").id == image.id
    two.remove(f"{registry}/made/busybox:here")
    assert two.collect() > image.size
