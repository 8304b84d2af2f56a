"""Registries that lead elsewhere: redirects and token servers, and what they get to know."""

import pytest
from registry.registry_answers import path, pull_app
from registry.registry_hostile import Request, Site

from runtime.image.content import Content
from runtime.image.model import Descriptor
from runtime.image.registry_errors import RegistryError


def challenge(request: Request) -> None:
    if "Authorization" in request.headers:
        request.reply(307, Location=f"http://localhost:{request.server.server_port}/elsewhere?signature=1")
    else:
        request.reply(401, WWW_Authenticate='Basic realm="here"')


def test_redirects_get_no_authorization(
    served: Site, ours: Content, theirs: Content, layer: Descriptor
) -> None:
    served.on("GET", path(layer), challenge)
    served.get("/elsewhere", ours.path(layer.digest).read_bytes())
    pull_app(served, theirs)
    sent = [headers.get("Authorization") for _, asked, headers in served.asked if layer.digest in asked]
    assert sent == [None, "Basic YWxpY2U6c2VjcmV0"]
    elsewhere = [headers for _, asked, headers in served.asked if asked.startswith("/elsewhere")]
    assert len(elsewhere) == 1
    assert "Authorization" not in elsewhere[0]


def test_who_is_redirected_to_gets_no_credentials_either(
    served: Site, theirs: Content, layer: Descriptor
) -> None:
    served.on("GET", path(layer), challenge)
    served.on("GET", "/elsewhere", lambda request: request.reply(401, WWW_Authenticate="Basic"))
    with pytest.raises(RegistryError, match="/elsewhere answered 401"):
        pull_app(served, theirs)
    assert all("Authorization" not in headers for _, asked, headers in served.asked if "elsewhere" in asked)


@pytest.mark.parametrize(
    ("location", "line"),
    [
        ("/v2/app/manifests/1", "redirects more than 5 times"),
        ("http://registry.example/x", "leads to registry.example without TLS"),
        ("file:///etc/passwd", "leads to 'file:///etc/passwd', which is no URL"),
        ("http://[::1", "which is no URL"),
        ("http://localhost:80@registry.example/", "which is no URL"),
        ("http://", "redirects more than 5 times|which is no URL"),
        ("", "leads to '', which is no URL"),
        (f"http://127.0.0.1:1/{'x' * 5000}", "can't connect to"),
        ("http://127.0.0.1:99999/", "can't be asked|which is no URL"),
        ("http://localhost\x1b[2J/", "can't be asked|no URL|without TLS"),
    ],
)
def test_redirects_to_nowhere(site: Site, theirs: Content, location: str, line: str) -> None:
    site.on("GET", "/v2/app/manifests/1", lambda request: request.reply(302, Location=location))
    with pytest.raises(RegistryError, match=line) as caught:
        pull_app(site, theirs)
    assert len(str(caught.value)) < 500
    assert str(caught.value).isprintable()


@pytest.mark.parametrize(
    ("realm", "line"),
    [
        ("http://registry.example/token", "leads to registry.example without TLS"),
        ("", "which is no URL"),
        ("ftp://127.0.0.1/", "which is no URL"),
        ("http://localhost:80@registry.example/token", "which is no URL"),
    ],
)
def test_token_servers_that_are_none(site: Site, theirs: Content, realm: str, line: str) -> None:
    header = f'Bearer realm="{realm}",service="s"'
    site.on("GET", "/v2/app/manifests/1", lambda request: request.reply(401, WWW_Authenticate=header))
    with pytest.raises(RegistryError, match=line):
        pull_app(site, theirs)


@pytest.mark.parametrize(
    "token",
    [b"", b"[]", b"{}", b'{"token": 5}', b'{"token": "a\\r\\nX-Evil: 1"}', b'{"token": ""}', b"[" * 100_000],
)
def test_tokens_that_are_none(site: Site, theirs: Content, token: bytes) -> None:
    header = f'Bearer realm="http://{site.host}/token"'
    site.on("GET", "/v2/app/manifests/1", lambda request: request.reply(401, WWW_Authenticate=header))
    site.get("/token", token)
    with pytest.raises(RegistryError, match=f"the token server of {site.host} sent no"):
        pull_app(site, theirs)


def test_tokens_that_are_refused(site: Site, theirs: Content) -> None:
    header = f'Bearer realm="http://{site.host}/token"'
    site.on("GET", "/v2/app/manifests/1", lambda request: request.reply(401, WWW_Authenticate=header))
    site.get("/token", b'{"token": "abc"}')
    with pytest.raises(RegistryError, match="answered 401"):
        pull_app(site, theirs)
    assert len(site.asked) == 3
