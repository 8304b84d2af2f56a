"""Pushing to registries that fail, lie, and cut off."""

from collections.abc import Callable, Iterator

import pytest
from registry.registry_hostile import Request, Site, hostile
from registry.registry_image import blobs, make_image

from runtime.image.content import Content
from runtime.image.model import Descriptor
from runtime.image.registry import Session
from runtime.image.registry_config import Registries
from runtime.image.registry_credentials import Credentials
from runtime.image.registry_errors import RegistryError
from runtime.image.registry_http import Patience
from runtime.image.registry_upload import upload
from tare.errors import ImageError

PATIENT = Patience(connect=5, silence=0.5, attempts=3, first_wait=0.01, longest_wait=0.1)
UPLOADS = "/v2/app/blobs/uploads/"
CHUNK = 40_000


@pytest.fixture
def site() -> Iterator[Site]:
    with hostile() as served:
        served.on("POST", UPLOADS, lambda request: request.reply(202, Location="/session?state=0"))
        yield served


@pytest.fixture
def layer(ours: Content) -> Descriptor:
    return blobs(ours, make_image(ours, (100_000,)))[1]


def send(site: Site, ours: Content, layer: Descriptor, mount: str = "") -> None:
    with Session(Registries(), PATIENT, credentials=lambda _: Credentials("alice", "secret")) as session:
        target = session.destination(site.host, "app")
        upload(target, layer, lambda: ours.open(layer.digest), chunk=CHUNK, mount=mount)


def take(received: bytearray, status: int, **headers: str) -> Callable[[Request], None]:
    """Store what is sent, and answer."""

    def answer(request: Request) -> None:
        received.extend(request.rfile.read(int(request.headers["Content-Length"])))
        del request.headers["Content-Length"]
        request.reply(status, **headers)

    return answer


def cut_while_reading(received: bytearray) -> Callable[[Request], None]:
    def answer(request: Request) -> None:
        received.extend(request.rfile.read(15_000))
        request.cut()

    return answer


def asked(site: Site, method: str) -> list[tuple[str, dict[str, str]]]:
    return [(path, headers) for found, path, headers in site.asked if found == method]


def test_the_chunks_follow_each_other(site: Site, ours: Content, layer: Descriptor) -> None:
    received = bytearray()
    site.on(
        "PATCH",
        "/session",
        take(received, 202, Location="/session?state=1"),
        take(received, 202, Location="/session?state=2"),
    )
    site.on("PUT", "/session", take(received, 201))
    send(site, ours, layer)
    assert bytes(received) == ours.path(layer.digest).read_bytes()
    assert [(path, headers["Content-Range"]) for path, headers in asked(site, "PATCH")] == [
        ("/session?state=0", "0-39999"),
        ("/session?state=1", "40000-79999"),
    ]
    assert asked(site, "PUT")[0][0] == f"/session?state=2&digest={layer.digest.replace(':', '%3A')}"


def test_a_registry_may_ask_for_larger_chunks(site: Site, ours: Content, layer: Descriptor) -> None:
    received = bytearray()
    least = {"Location": "/session", "OCI_Chunk_Min_Length": "70000"}
    site.on("POST", UPLOADS, lambda request: request.reply(202, **least))
    site.on("PATCH", "/session", take(received, 202))
    site.on("PUT", "/session", take(received, 201))
    send(site, ours, layer)
    assert [headers["Content-Range"] for _, headers in asked(site, "PATCH")] == ["0-69999"]
    assert bytes(received) == ours.path(layer.digest).read_bytes()


def test_an_upload_goes_on_behind_what_the_registry_has(site: Site, ours: Content, layer: Descriptor) -> None:
    received = bytearray()
    site.on("PATCH", "/session", take(received, 202), cut_while_reading(received), take(received, 202))
    site.on("GET", "/session", lambda request: request.reply(204, Range=f"0-{len(received) - 1}"))
    site.on("PUT", "/session", take(received, 201))
    send(site, ours, layer)
    assert bytes(received) == ours.path(layer.digest).read_bytes()
    assert len(asked(site, "POST")) == 1


@pytest.mark.parametrize("status", [200, 404, 503])
def test_an_upload_begins_anew_when_the_registry_has_nothing(
    site: Site, ours: Content, layer: Descriptor, status: int
) -> None:
    lost, received = bytearray(), bytearray()
    site.on("PATCH", "/session", cut_while_reading(lost), take(received, 202))
    site.on("GET", "/session", lambda request: request.reply(status))
    site.on("PUT", "/session", take(received, 201))
    send(site, ours, layer)
    assert bytes(received) == ours.path(layer.digest).read_bytes()
    assert len(asked(site, "POST")) == 2


@pytest.mark.parametrize(
    ("answer", "line"),
    [
        (lambda request: request.cut(), "cut the connection off, 3 times"),
        (lambda request: request.reply(503), r"answered 503 \(Service Unavailable\), 3 times"),
        (lambda request: request.reply(413), "answered 413"),
        (lambda request: request.reply(400, b'{"errors":[{"code":"DIGEST_INVALID"}]}'), "DIGEST_INVALID"),
        (lambda request: request.stall(), "sends nothing, 3 times"),
        (lambda request: request.reply(307, Location="/session"), "redirects more than 5 times"),
    ],
)
@pytest.mark.parametrize("method", ["POST", "PATCH", "PUT"])
def test_refused_uploads(
    site: Site, ours: Content, layer: Descriptor, method: str, answer: Callable[[Request], None], line: str
) -> None:
    for name in ("PATCH", "PUT"):
        site.on(name, "/session", lambda request: request.reply(202))
    site.on(method, UPLOADS if method == "POST" else "/session", answer)
    if method == "POST":
        site.on(method, "/session", answer)
    with pytest.raises(RegistryError, match=line):
        send(site, ours, layer)


def test_another_host_gets_no_authorization(site: Site, ours: Content, layer: Descriptor) -> None:
    def begin(request: Request) -> None:
        if "Authorization" in request.headers:
            request.reply(202, Location=f"http://localhost:{request.server.server_port}/session")
        else:
            request.reply(401, WWW_Authenticate="Basic")

    received = bytearray()
    site.on("POST", UPLOADS, begin)
    site.on("PATCH", "/session", take(received, 202))
    site.on("PUT", "/session", take(received, 201))
    send(site, ours, layer)
    assert "Authorization" in asked(site, "POST")[-1][1]
    assert all("Authorization" not in headers for _, headers in (*asked(site, "PUT"), *asked(site, "PATCH")))


def test_places_that_are_none(site: Site, ours: Content, layer: Descriptor) -> None:
    for location, line in (
        ("http://registry.example/x", "without TLS"),
        ("gopher://x", "no URL"),
        ("", "no URL"),
    ):
        site.on("POST", UPLOADS, lambda request, location=location: request.reply(202, Location=location))
        with pytest.raises(RegistryError, match=line):
            send(site, ours, layer)


def test_what_is_there_is_not_sent(site: Site, ours: Content, layer: Descriptor) -> None:
    site.on("HEAD", f"/v2/app/blobs/{layer.digest}", lambda request: request.reply(200))
    send(site, ours, layer)
    assert not asked(site, "POST")


def test_a_mount(site: Site, ours: Content, layer: Descriptor) -> None:
    site.on("POST", UPLOADS, lambda request: request.reply(201))
    send(site, ours, layer, mount="other/app")
    assert asked(site, "POST")[0][0] == f"{UPLOADS}?mount={layer.digest}&from=other/app"


def test_content_that_is_missing(site: Site, ours: Content, layer: Descriptor) -> None:
    ours.remove(layer.digest)
    with pytest.raises(ImageError, match=f"content {layer.digest} is missing"):
        send(site, ours, layer)
