"""Registries that fail, lie, stall and cut off: one clear line, and nothing half of it visible."""

import threading
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from email.utils import formatdate

import pytest
from registry.registry_answers import (
    PATIENT,
    answer_range,
    bad_chunks,
    cut_after,
    dripping,
    endless,
    ends_early,
    lie_content,
    lie_longer,
    lie_range,
    lie_shorter,
    long_refusal,
    no_http,
    path,
    pull_app,
    refuse,
    stall_after,
)
from registry.registry_hostile import Request, Site, hostile
from registry.registry_image import blobs, make_image

from runtime.image.content import Content
from runtime.image.model import (
    DOCUMENT_LIMIT,
    OCI_INDEX,
    OCI_LAYER,
    OCI_MANIFEST,
    Descriptor,
    Index,
    Manifest,
)
from runtime.image.platform import Platform
from runtime.image.registry import Session
from runtime.image.registry_config import Host, Registries
from runtime.image.registry_errors import RegistryError
from runtime.image.transfer import pull


def requests(site: Site, blob: Descriptor) -> list[str]:
    """The ranges asked for."""
    return [headers.get("Range", "") for _, asked, headers in site.asked if asked == path(blob)]


@pytest.mark.parametrize("fault", [cut_after, stall_after])
def test_a_download_is_resumed(
    served: Site,
    ours: Content,
    theirs: Content,
    image: Descriptor,
    layer: Descriptor,
    fault: Callable[..., None],
) -> None:
    data = ours.path(layer.digest).read_bytes()
    served.on("GET", path(layer), fault(data, 100_000), answer_range(data))
    assert pull_app(served, theirs).manifest == image
    assert requests(served, layer) == ["", "bytes=100000-"]
    assert set(theirs.digests()) == set(ours.digests())


def test_a_download_is_resumed_by_the_next_pull(
    served: Site, ours: Content, theirs: Content, image: Descriptor, layer: Descriptor
) -> None:
    data = ours.path(layer.digest).read_bytes()
    served.on("GET", path(layer), cut_after(data, 70_000), lambda request: request.reply(503))
    with pytest.raises(
        RegistryError, match=r"answered 503 \(Service Unavailable\), 3 times; try again later"
    ):
        pull_app(served, theirs)
    assert not theirs.has(layer.digest)
    assert not theirs.has(image.digest)
    served.on("GET", path(layer), answer_range(data))
    pull_app(served, theirs)
    assert requests(served, layer)[-1] == "bytes=70000-"
    assert theirs.verify(layer.digest)


def test_a_registry_without_ranges(
    served: Site, ours: Content, theirs: Content, image: Descriptor, layer: Descriptor
) -> None:
    data = ours.path(layer.digest).read_bytes()
    served.on("GET", path(layer), cut_after(data, 50_000), lambda request: request.reply(200, data))
    assert pull_app(served, theirs).manifest == image


def test_a_wrong_beginning_is_read_again(
    served: Site, ours: Content, theirs: Content, image: Descriptor, layer: Descriptor
) -> None:
    data = ours.path(layer.digest).read_bytes()
    served.on("GET", path(layer), cut_after(b"?" * len(data), 50_000), answer_range(data))
    with pytest.raises(RegistryError, match="sent something else as"):
        pull_app(served, theirs)
    served.on("GET", path(layer), cut_after(b"?" * len(data), 50_000), lambda request: request.reply(404))
    with pytest.raises(RegistryError, match="answered 404"):
        pull_app(served, theirs)
    served.on("GET", path(layer), answer_range(data))
    assert pull_app(served, theirs).manifest == image
    assert requests(served, layer)[-2:] == ["bytes=50000-", ""]


@pytest.mark.parametrize(
    ("lie", "line"),
    [
        (lie_longer, r"has \d+ bytes as sha256:\w+ instead of \d+; the registry is broken"),
        (lie_shorter, r"has \d+ bytes as sha256:\w+ instead of \d+; the registry is broken"),
        (lie_content, r"/app sent something else as sha256:\w+; the registry is broken"),
        (lie_range, "sends another part of sha256"),
        (endless, r"sends more than the \d+ bytes allowed"),
        (ends_early, r"without its last \d+ bytes, 3 times"),
        (no_http, "cut the connection off, 3 times"),
        (bad_chunks, "cut the connection off, 3 times"),
        (refuse, r"answered 403 \(not  \[2J you or me\); log in"),
        (long_refusal, r"answered 400 \(Bad Request\)"),
        (dripping, "sends less than 1 KiB/s, 3 times"),
    ],
)
def test_lies_about_a_layer(
    served: Site,
    ours: Content,
    theirs: Content,
    image: Descriptor,
    layer: Descriptor,
    lie: Callable[[bytes], Callable[[Request], None]],
    line: str,
) -> None:
    served.on("GET", path(layer), lie(ours.path(layer.digest).read_bytes()))
    with pytest.raises(RegistryError, match=line) as caught:
        pull_app(served, theirs)
    assert "\n" not in str(caught.value)
    assert "\x1b" not in str(caught.value)
    assert not theirs.has(layer.digest)
    assert not theirs.has(image.digest)


def test_one_failure_ends_the_other_downloads(site: Site, ours: Content, theirs: Content) -> None:
    """A layer that would be waited for much longer is given up when another one is refused."""
    image = make_image(ours, (300_000, 10))
    site.get("/v2/app/manifests/1", ours.read(image))
    config, big, small = blobs(ours, image)
    site.get(path(config), ours.read(config))
    site.on("GET", path(big), stall_after(ours.path(big.digest).read_bytes(), 1000))

    def refuse_late(request: Request) -> None:
        while not any(asked == path(big) for _, asked, _ in site.asked):
            request.server.site.over.wait(0.01)
        request.server.site.over.wait(0.2)
        request.reply(404)

    site.on("GET", path(small), refuse_late)
    with pytest.raises(RegistryError, match="answered 404"):
        pull_app(site, theirs, replace(PATIENT, silence=60))
    assert site.stalled == 0


@pytest.mark.parametrize(
    "after", ["0", "1", "999999", "-1", "soon", formatdate(0), formatdate(4e9, usegmt=True), "9" * 400]
)
@pytest.mark.parametrize("status", [429, 503])
def test_busy_registries_are_asked_again(
    served: Site, ours: Content, theirs: Content, image: Descriptor, after: str, status: int
) -> None:
    served.on(
        "GET",
        "/v2/app/manifests/1",
        lambda request: request.reply(status, Retry_After=after),
        lambda request: request.cut(),
        lambda request: request.reply(200, ours.read(image)),
    )
    started = time.monotonic()
    assert pull_app(served, theirs).manifest == image
    asked_to_wait = after in ("1", "999999", formatdate(4e9, usegmt=True), "9" * 400)
    assert not asked_to_wait or time.monotonic() - started >= PATIENT.longest_wait


@pytest.mark.parametrize(
    ("body", "line"),
    [
        (b" " * (DOCUMENT_LIMIT + 1), f"sends more than the {DOCUMENT_LIMIT} bytes allowed"),
        (b"[" * 100_000, "app:1: a manifest is not JSON"),
        (b"[]", "a manifest is not a JSON object"),
        (b"{}", "schemaVersion of a manifest has no meaning"),
        (b'{"schemaVersion": 1}', "schema version 1 are not supported"),
        (b"\xff\xfe", "is not JSON"),
        (b'{"schemaVersion": 2, "config": {}, "layers": []}', "is not a digest"),
    ],
)
def test_manifests_without_meaning(site: Site, theirs: Content, body: bytes, line: str) -> None:
    site.get("/v2/app/manifests/1", body, Content_Type=OCI_MANIFEST)
    with pytest.raises(RegistryError, match=line):
        pull_app(site, theirs)
    assert not list(theirs.digests())


def test_a_manifest_that_is_not_what_its_digest_says(
    served: Site, ours: Content, theirs: Content, image: Descriptor
) -> None:
    wrong = "sha256:" + "0" * 64
    served.get("/v2/app/manifests/1", ours.read(image), Docker_Content_Digest=wrong)
    with pytest.raises(RegistryError, match=f"the registry sent something else as {wrong}"):
        pull_app(served, theirs)


def test_an_index_that_never_ends(site: Site, theirs: Content) -> None:
    """Each index names another one; a real loop would need a digest that is its own."""
    inner, platform = Descriptor(OCI_MANIFEST, "sha256:" + "1" * 64, 5), Platform.host()
    for number in range(9):
        data = Index((replace(inner, platform=platform),), annotations={"n": str(number)}).serialise()
        inner = theirs.put(data, OCI_INDEX)
        site.get(f"/v2/app/manifests/{inner.digest}", data)
        theirs.remove(inner.digest)
    site.get("/v2/app/manifests/1", data)
    with pytest.raises(RegistryError, match="app:1 is an index within an index without end"):
        pull_app(site, theirs)


def test_an_index_that_names_itself(site: Site, theirs: Content) -> None:
    own = Descriptor(OCI_INDEX, "sha256:" + "2" * 64, 400, platform=Platform.host())
    data = Index((own,)).serialise()
    site.get("/v2/app/manifests/1", data)
    site.get(f"/v2/app/manifests/{own.digest}", data)
    with pytest.raises(RegistryError, match="sent something else as sha256:2222"):
        pull_app(site, theirs)


def test_sizes_that_are_too_large(site: Site, theirs: Content) -> None:
    config = Descriptor("x", "sha256:" + "3" * 64, DOCUMENT_LIMIT + 1)
    layer = Descriptor(OCI_LAYER, "sha256:" + "4" * 64, 1 << 62)
    site.get("/v2/app/manifests/1", Manifest(config, (layer,)).serialise())
    with pytest.raises(RegistryError, match="configuration of .*app:1 is larger than"):
        pull_app(site, theirs)
    entry = Descriptor(OCI_MANIFEST, "sha256:" + "5" * 64, DOCUMENT_LIMIT + 1, platform=Platform.host())
    site.get("/v2/app/manifests/1", Index((entry,)).serialise())
    with pytest.raises(RegistryError, match="is a manifest larger than"):
        pull_app(site, theirs)


def test_tags_without_end(site: Site, session: Session) -> None:
    link = '</v2/app/tags/list?n=1000>; rel="next"'
    site.get("/v2/app/tags/list", b'{"tags": ["a"]}', Link=link)
    with pytest.raises(RegistryError, match="the list of tags of .* has no end"):
        list(session.managed(site.host, "app").tags())
    site.get("/v2/app/tags/list", b'{"tags": ["\\u001b[2J"]}')
    with pytest.raises(RegistryError, match="sent no list of tags"):
        list(session.managed(site.host, "app").tags())
    site.get("/v2/app/tags/list", b'{"tags": null}')
    assert list(session.managed(site.host, "app").tags()) == []


def test_two_pulls_of_one_image_at_once(
    served: Site, ours: Content, theirs: Content, image: Descriptor, layer: Descriptor
) -> None:
    """The second one waits for the layer and does not ask for it."""
    data = ours.path(layer.digest).read_bytes()
    both_began = threading.Barrier(2)
    manifest = ours.read(image)

    def answer_both(request: Request) -> None:
        both_began.wait(20)
        request.reply(200, manifest)

    served.on("GET", "/v2/app/manifests/1", answer_both)
    served.on("GET", path(layer), stall_after(data, 1000), answer_range(data))
    with ThreadPoolExecutor(2) as pool:
        pulls = [pool.submit(pull_app, served, theirs) for _ in range(2)]
        assert [each.result().manifest for each in pulls] == [image, image]
    assert requests(served, layer) == ["", "bytes=1000-"]
    assert not list(theirs.partial())


def test_a_dead_mirror_is_asked_once(served: Site, theirs: Content, image: Descriptor) -> None:
    with hostile() as mirror:
        settings = Registries(hosts={served.host: Host(served.host, True, (mirror.host,))})
        with Session(settings, PATIENT) as session:
            assert pull(session, served.host, "app", "1", theirs).manifest == image
        assert len(mirror.asked) == 1


def test_a_lying_mirror_is_passed_over(
    served: Site, ours: Content, theirs: Content, image: Descriptor, layer: Descriptor
) -> None:
    with hostile() as mirror:
        mirror.answers.update({key: list(value) for key, value in served.answers.items()})
        mirror.on("GET", path(layer), cut_after(b"!" * layer.size, 1000), lambda request: request.reply(404))
        settings = Registries(hosts={served.host: Host(served.host, True, (mirror.host,))})
        with Session(settings, PATIENT) as session:
            assert pull(session, served.host, "app", "1", theirs).manifest == image
    assert theirs.verify(layer.digest)
