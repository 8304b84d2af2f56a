"""Registries that ask who it is: Basic, tokens, TLS; the credentials docker left."""

import json
import os
from base64 import b64encode
from collections.abc import Iterator
from pathlib import Path

import pytest
from registry.registry_image import make_image
from registry.registry_server import PASSWORD, USER, htpasswd, serve, skopeo
from registry.registry_tokens import REFRESH, SERVICE, TokenServer, make_certificate, token_server

from runtime.image.content import Content
from runtime.image.registry import Session
from runtime.image.registry_config import Host, Registries
from runtime.image.registry_credentials import Credentials, find_credentials
from runtime.image.registry_errors import Denied, RegistryError
from runtime.image.transfer import pull, push

AUTH = b64encode(f"{USER}:{PASSWORD}".encode()).decode()


@pytest.fixture(scope="module")
def basic(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    directory = tmp_path_factory.mktemp("basic")
    with serve(directory, htpasswd(directory)) as host:
        yield host


@pytest.fixture(scope="module")
def tokens(tmp_path_factory: pytest.TempPathFactory) -> Iterator[TokenServer]:
    with token_server(tmp_path_factory.mktemp("tokens"), USER, PASSWORD) as server:
        yield server


@pytest.fixture(scope="module")
def guarded(tokens: TokenServer, tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    with serve(tmp_path_factory.mktemp("guarded"), tokens.settings) as host:
        yield host


def log_in(tmp_path: Path, settings: object) -> None:
    (tmp_path / "docker").mkdir(exist_ok=True)
    (tmp_path / "docker/config.json").write_text(json.dumps(settings))


def test_basic(basic: str, session: Session, ours: Content, theirs: Content, tmp_path: Path) -> None:
    image = make_image(ours)
    with pytest.raises(Denied, match=r"answered 401 \(Unauthorized\); log in with"):
        push(session, basic, "app", "1", image, ours)
    log_in(tmp_path, {"auths": {f"https://{basic}/v1/": {"auth": AUTH}}})
    with Session(Registries()) as session:
        push(session, basic, "app", "1", image, ours)
        assert pull(session, basic, "app", "1", theirs).manifest == image
    skopeo("inspect", "--tls-verify=false", "--creds", f"{USER}:{PASSWORD}", f"docker://{basic}/app:1")


def test_tokens(guarded: str, tokens: TokenServer, ours: Content, theirs: Content, tmp_path: Path) -> None:
    image = make_image(ours, (1, 2, 3, 4, 5, 6))
    log_in(tmp_path, {"auths": {guarded: {"auth": AUTH}}})
    with Session(Registries(), connections=3) as session:
        push(session, guarded, "public/app", "1", image, ours)
        push(session, guarded, "secret/app", "1", image, ours, mount="public/app")
        assert list(session.managed(guarded, "secret/app").tags()) == ["1"]
        scopes = [fields["scope"] for _, fields, _ in tokens.asked[-3:]]
        assert scopes == [
            ["repository:public/app:pull,push"],
            ["repository:secret/app:pull,push", "repository:public/app:pull"],
            ["repository:secret/app:pull,delete"],
        ]
        assert tokens.asked[-1][1]["service"] == [SERVICE]
        assert pull(session, guarded, "secret/app", "1", theirs).manifest == image
    log_in(tmp_path, {})
    with Session(Registries()) as session:
        assert pull(session, guarded, "public/app", "1", theirs).manifest == image
        with pytest.raises(Denied, match="401"):
            pull(session, guarded, "secret/app", "1", theirs)


def test_an_identity_token(guarded: str, tokens: TokenServer, ours: Content) -> None:
    image = make_image(ours, seed=3)
    with Session(Registries(), credentials=lambda _: Credentials(identity=REFRESH)) as session:
        push(session, guarded, "identity", "1", image, ours)
    method, fields, header = tokens.asked[-1]
    assert (method, fields["grant_type"], header) == ("POST", ["refresh_token"], "")


def test_a_wrong_password(guarded: str, theirs: Content) -> None:
    with Session(Registries(), credentials=lambda _: Credentials(USER, "wrong")) as session:
        expected = (
            rf"{guarded} gives no access to secret/app: .* answered 401 \(wrong \[31m password\); log in"
        )
        with pytest.raises(Denied, match=expected):
            pull(session, guarded, "secret/app", "1", theirs)


def test_an_expired_token_is_renewed(guarded: str, tokens: TokenServer, ours: Content) -> None:
    image = make_image(ours, seed=4)
    with Session(Registries(), credentials=lambda _: Credentials(USER, PASSWORD)) as session:
        target = session.destination(guarded, "renewed")
        tokens.lifetime = -120
        try:
            with pytest.raises(Denied):
                target.has_blob(image.digest)
        finally:
            tokens.lifetime = 300
        assert not target.has_blob(image.digest)


def test_tls(ours: Content, theirs: Content, tmp_path: Path) -> None:
    certificate, key = make_certificate(tmp_path)
    image = make_image(ours)
    tls = {"certificate": str(certificate), "key": str(key)}
    with serve(tmp_path / "registry", tls=tls) as host:
        known = Registries(hosts={host: Host(host, insecure=False, certificates=str(certificate))})
        with Session(known) as session:
            push(session, host, "app", "1", image, ours)
            assert pull(session, host, "app", "1", theirs).manifest == image
        unknown = Registries(hosts={host: Host(host, insecure=False)})
        with (
            Session(unknown) as session,
            pytest.raises(RegistryError, match="no TLS with https.*certificate"),
        ):
            pull(session, host, "app", "1", theirs)


def test_credentials_by_helper(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    helper = tmp_path / "docker-credential-mine"
    helper.write_text(
        '#!/bin/sh\nread -r host\n[ "$1 $host" = "get one.example" ] || '
        '{ [ "$host" = three.example ] && echo nonsense && exit; echo "credentials not found"; exit 1; }\n'
        'echo \'{"ServerURL": "one.example", "Username": "bob", "Secret": "s3cret"}\'\n'
    )
    helper.chmod(0o755)
    monkeypatch.setenv("PATH", f"{tmp_path}:{os.environ['PATH']}")
    names = ("one.example", "two.example", "three.example")
    log_in(tmp_path, {"credHelpers": dict.fromkeys(names, "mine") | {"four.example": "none/../such"}})
    assert find_credentials("one.example") == Credentials("bob", "s3cret")
    assert find_credentials("two.example") is None
    with pytest.raises(RegistryError, match="docker-credential-mine has no credentials for three.example"):
        find_credentials("three.example")
    with pytest.raises(RegistryError, match="is not a credential helper's name"):
        find_credentials("four.example")
    log_in(tmp_path, {"credsStore": "absent", "auths": {"one.example": {}}})
    with pytest.raises(RegistryError, match="can't run docker-credential-absent: No such file"):
        find_credentials("one.example")
    assert find_credentials("other.example") is None


@pytest.mark.parametrize(
    ("entry", "found"),
    [
        ({"auth": AUTH}, Credentials(USER, PASSWORD)),
        ({"identitytoken": "it"}, Credentials(identity="it")),
        ({"username": "u", "password": "p"}, Credentials("u", "p")),
        ({}, None),
        ("nonsense", None),
    ],
)
def test_credentials_in_the_file(tmp_path: Path, entry: object, found: Credentials | None) -> None:
    log_in(tmp_path, {"auths": {"registry.example:5000": entry}})
    assert find_credentials("registry.example:5000") == found
    assert find_credentials("registry.example") is None


@pytest.mark.parametrize("text", ["{", "[" * 100_000])
def test_a_broken_file_of_credentials(tmp_path: Path, text: str) -> None:
    log_in(tmp_path, {})
    (tmp_path / "docker/config.json").write_text(text)
    with pytest.raises(RegistryError, match=r"can't read .*config\.json"):
        find_credentials("registry.example")


def test_an_auth_that_is_not_base64(tmp_path: Path) -> None:
    log_in(tmp_path, {"auths": {"a.example": {"auth": "?"}}})
    with pytest.raises(RegistryError, match="is not base64; log in again"):
        find_credentials("a.example")


def test_secrets_are_not_shown() -> None:
    assert "sesame" not in repr(Credentials("a", "sesame", "sesame"))
