"""What registries and people write: challenges, hosts, settings, errors."""

import json
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from runtime.image.registry_challenge import Challenge, parse_challenges
from runtime.image.registry_config import Endpoint, Host, Registries, is_loopback
from runtime.image.registry_errors import Denied, NotThere, RegistryError, Unreachable, printable, refusal
from runtime.image.registry_http import Patience
from tare.errors import UsageError

TOKENS = st.text("abcdefghijklmnopqrstuvwxyzABC0123456789!#$%&'*+.^_`|~-", min_size=1, max_size=12)
VALUES = st.text(st.characters(min_codepoint=32, max_codepoint=126), max_size=30)


@st.composite
def challenges(draw: st.DrawFn) -> list[Challenge]:
    schemes = draw(st.lists(TOKENS, min_size=1, max_size=3))
    parameters = st.dictionaries(TOKENS.map(str.lower), VALUES, min_size=1, max_size=4)
    return [Challenge(scheme.lower(), draw(parameters)) for scheme in schemes]


def quoted(value: str) -> str:
    escaped = value.replace("\\", "\\\\").replace('"', '\\"')
    return f'"{escaped}"'


@given(challenges(), st.sampled_from([", ", ",", " , ,, "]), st.sampled_from(["=", " = "]))
def test_challenges_are_read_as_they_are_written(written: list[Challenge], comma: str, equals: str) -> None:
    header = comma.join(
        f"{each.scheme} "
        + comma.join(f"{name}{equals}{quoted(value)}" for name, value in each.parameters.items())
        for each in written
    )
    assert parse_challenges(header) == tuple(written)
    assert [each.parameters for each in parse_challenges(header)] == [each.parameters for each in written]


@given(st.text(max_size=200))
def test_any_header_is_read(header: str) -> None:
    for each in parse_challenges(header):
        assert each.scheme == each.scheme.lower()


@pytest.mark.parametrize(
    ("header", "found"),
    [
        ("", []),
        ("Basic", [("basic", {})]),
        ('Basic realm="a, b"', [("basic", {"realm": "a, b"})]),
        ("Negotiate, Basic realm=x", [("negotiate", {}), ("basic", {"realm": "x"})]),
        ("NTLM TlRMTVNTUAAC==, Basic realm=x", [("ntlm", {}), ("basic", {"realm": "x"})]),
        (
            'Bearer realm="http://r/t",service="s",scope="repository:a/b:pull,push",error="invalid_token"',
            [
                (
                    "bearer",
                    {
                        "realm": "http://r/t",
                        "service": "s",
                        "scope": "repository:a/b:pull,push",
                        "error": "invalid_token",
                    },
                )
            ],
        ),
        ('Bearer realm="a", realm="b"', [("bearer", {"realm": "a"})]),
        ('Bearer realm="unclosed', [("bearer", {})]),
        ('Bearer realm="' + "\\" * 50_000, [("bearer", {})]),
        ("=,=", []),
    ],
)
def test_challenges(header: str, found: list[tuple[str, dict[str, str]]]) -> None:
    assert [(each.scheme, each.parameters) for each in parse_challenges(header)][
        : len(found) or None
    ] == found


@pytest.mark.parametrize(
    "name", ["localhost", "localhost:5000", "127.0.0.1", "127.8.9.1:80", "[::1]", "[::1]:5000"]
)
def test_loopback(name: str) -> None:
    assert is_loopback(name)
    assert Registries().host(name) == Host(name, insecure=True)
    assert Registries().host(name).url == f"http://{name}"


@pytest.mark.parametrize(
    "name",
    [
        "registry.example",
        "localhost.example:5000",
        "10.0.0.1",
        "[2001:db8::1]:5000",
        "127.0.0.1.example",
        "1.127.0.0",
    ],
)
def test_other_hosts_need_tls(name: str) -> None:
    assert not is_loopback(name)
    assert Registries().host(name).url == f"https://{name}"


@pytest.mark.parametrize(
    "name", ["", "a b", "a/b", "user@host", "-a", "a:", "a:b", "a:123456", "[::1", "h\n"]
)
def test_hosts_that_are_none(name: str) -> None:
    with pytest.raises(UsageError, match="is not a registry's host"):
        Registries().host(name)


SETTINGS = """
default = "registry.example:5000"

[registry."registry.example:5000"]
insecure = true
mirrors = ["127.0.0.1:5001/cache", "mirror.example"]

[registry."mirror.example"]
certificates = "/etc/ssl/mine.pem"
"""


def test_settings(tmp_path: Path) -> None:
    path = tmp_path / "registries.toml"
    path.write_text(SETTINGS)
    found = Registries.load(path)
    own = Host("registry.example:5000", True, ("127.0.0.1:5001/cache", "mirror.example"))
    assert found.endpoint("", "app") == Endpoint(own, "app")
    assert found.endpoints("registry.example:5000", "team/app") == (
        Endpoint(Host("127.0.0.1:5001", True), "cache/team/app"),
        Endpoint(Host("mirror.example", False, (), "/etc/ssl/mine.pem"), "team/app"),
        Endpoint(own, "team/app"),
    )
    assert [str(place) for place in found.endpoints("other.example", "a")] == ["other.example/a"]


def test_where_settings_are(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    assert Registries.load() == Registries()
    for name, directory in (("XDG_CONFIG_DIRS", "system"), ("XDG_CONFIG_HOME", "home")):
        (tmp_path / directory / "tarebench").mkdir(parents=True)
        (tmp_path / directory / "tarebench/registries.toml").write_text(f'default = "{directory}.example"')
        monkeypatch.setenv(name, str(tmp_path / directory))
        assert Registries.load().default == f"{directory}.example"
    named = tmp_path / "named.toml"
    monkeypatch.setenv("TAREBENCH_REGISTRIES", str(named))
    with pytest.raises(UsageError, match=f"can't read {named}: No such file"):
        Registries.load()
    named.write_text('default = "named.example"')
    assert Registries.load().default == "named.example"


@pytest.mark.parametrize(
    ("text", "line"),
    [
        ("default = 1", "default = 1 is not a host"),
        ('default = "http://x/"', "is not a host"),
        ("defualt = 1", "unknown setting defualt"),
        ("registry = 1", "registry is not a table"),
        ("[registry.a]\nmirror = 1", "mirror of registry a has no meaning"),
        ('[registry.a]\ninsecure = "no"', "insecure of registry a has no meaning"),
        ("[registry.a]\nmirrors = [1]", "mirror 1 of registry a is not host"),
        ('[registry.a]\nmirrors = ["a//b"]', "is not host"),
        ('[registry."a/b"]\n', "'a/b' is not a registry's host"),
        ("registry.a = 1", "registry a is not a table"),
        ("[", r"registries.toml: .*; correct the file"),
    ],
)
def test_settings_without_meaning(tmp_path: Path, text: str, line: str) -> None:
    path = tmp_path / "registries.toml"
    path.write_text(text)
    with pytest.raises(UsageError, match=line):
        Registries.load(path)


def test_settings_that_are_no_text(tmp_path: Path) -> None:
    path = tmp_path / "registries.toml"
    path.write_bytes(b"\xff")
    with pytest.raises(UsageError, match="can't read .*registries.toml"):
        Registries.load(path)


@given(st.text())
def test_strangers_texts_are_one_line(text: str) -> None:
    assert printable(text).isprintable()
    assert len(printable(text)) <= 201


@given(
    st.integers(300, 599),
    st.text(max_size=20),
    st.one_of(
        st.binary(max_size=50),
        st.recursive(
            st.none() | st.integers() | st.text(max_size=5),
            lambda inner: (
                st.lists(inner, max_size=3)
                | st.dictionaries(st.sampled_from(["errors", "message", "code"]), inner, max_size=3)
            ),
        ).map(lambda value: json.dumps({"errors": value}).encode()),
    ),
)
def test_every_refusal_is_one_line(status: int, reason: str, body: bytes) -> None:
    error = refusal(status, reason, body, "http://localhost/v2/")
    assert str(error).isprintable()
    expected = {401: Denied, 403: Denied, 404: NotThere, 429: Unreachable}
    assert type(error) is expected.get(status, Unreachable if status >= 500 else RegistryError)


def test_waits_grow_and_are_bounded() -> None:
    patience = Patience(first_wait=1, longest_wait=10)
    assert patience.wait(1) < patience.wait(3) < patience.wait(9) == 10
    assert patience.wait(1, 5) == 5
    assert patience.wait(1, 1e9) == 10
