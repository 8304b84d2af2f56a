import pytest
from hypothesis import given
from hypothesis import strategies as st

from runtime.image.reference import Reference
from tare.errors import UsageError

DIGEST = "sha256:" + "0f" * 32
GOOD = {
    "app": ("", "app", "", ""),
    "app:1.0": ("", "app", "1.0", ""),
    "team/app": ("", "team/app", "", ""),
    "localhost/app": ("localhost", "app", "", ""),
    "host.example/a/b/c:T_1-x": ("host.example", "a/b/c", "T_1-x", ""),
    "localhost:5000/app": ("localhost:5000", "app", "", ""),
    "[::1]:5000/app:1": ("[::1]:5000", "app", "1", ""),
    "HOST/app": ("HOST", "app", "", ""),
    f"app@{DIGEST}": ("", "app", "", DIGEST),
    f"h:1/app:1@{DIGEST}": ("h:1", "app", "1", DIGEST),
    "a__b/c.d/e---f": ("", "a__b/c.d/e---f", "", ""),
    "app:" + "t" * 128: ("", "app", "t" * 128, ""),
    "xn--n3h.example/x": ("xn--n3h.example", "x", "", ""),
}
BAD = [
    *(
        "",
        ":",
        ":tag",
        "app:",
        "APP",
        "Team/App",
        "app/",
        "/app",
        "a//b",
        "a/../b",
        ".a",
        "a.",
        "a___b",
        "a..b",
    ),
    *(
        "app:-x",
        "app:" + "t" * 129,
        "app:a/b",
        "app@",
        "app@sha256:12",
        "app@md5:" + "0" * 32,
        "-h.example/app",
    ),
    *(
        "h.example:/app",
        "h.example:port/app",
        "a b",
        "app\n",
        "ä",
        "0f" * 32,
        "a" * 256,
        "h_x:1/app",
        "a@b@c",
    ),
    *("app:1\n", "[::1/app", "localhost:5000/", f"@{DIGEST}"),
]


@pytest.mark.parametrize("text", GOOD)
def test_a_name_has_its_parts(text: str) -> None:
    found = Reference.parse(text)
    assert (found.host, found.path, found.tag, found.digest) == GOOD[text]
    assert str(found) == text


@pytest.mark.parametrize("text", BAD)
def test_what_is_no_name(text: str) -> None:
    with pytest.raises(UsageError):
        Reference.parse(text)


def test_latest_is_the_tag_of_a_name_without() -> None:
    assert str(Reference.parse("app").tagged()) == "app:latest"
    assert str(Reference.parse("app:1").tagged()) == "app:1"
    assert str(Reference.parse(f"app@{DIGEST}").tagged()) == f"app@{DIGEST}"


part = st.from_regex(r"[a-z0-9]+(?:(?:\.|_|__|-+)[a-z0-9]+)*", fullmatch=True).map(
    lambda text: text[:30].strip("._-")
)
references = st.builds(
    Reference,
    path=st.lists(part, min_size=1, max_size=3).map("/".join),
    host=st.sampled_from(["", "localhost", "localhost:5000", "registry.example", "[fe80::1]:80", "UPPER"]),
    tag=st.just("") | st.from_regex(r"[a-zA-Z0-9_][a-zA-Z0-9_.-]{0,20}", fullmatch=True),
    digest=st.sampled_from(["", DIGEST]),
)


@given(references)
def test_each_reference_reads_as_it_is_written(reference: Reference) -> None:
    first, slash, _ = reference.path.partition("/")
    if not reference.host and slash and ("." in first or first == "localhost"):
        return
    assert Reference.parse(str(reference)) == reference


@given(st.text(st.sampled_from("aZ0.:/@-_[]\n "), max_size=30))
def test_no_text_ends_in_another_error(text: str) -> None:
    try:
        assert str(Reference.parse(text)) == text
    except UsageError as error:
        assert "\n" not in str(error)
