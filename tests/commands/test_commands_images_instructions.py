"""Instructions of a Dockerfile that change a configuration."""

import json
import shlex
from contextlib import suppress

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from runtime.commandline.instructions import apply
from runtime.image.config import ImageConfig
from tare.errors import UsageError

BASE = ImageConfig(
    "amd64", env=("PATH=/bin", "A=1"), workdir="/srv", labels={"x": "y"}, exposed_ports=("80/tcp",)
)
_WORD = st.text(st.characters(min_codepoint=32, exclude_categories=["Cs"]), max_size=8)
_KEY = st.from_regex(r"[A-Za-z_][A-Za-z0-9_.-]{0,5}", fullmatch=True)


@pytest.mark.parametrize(
    ("text", "field", "value"),
    [
        ('CMD ["/bin/app", "-x y"]', "cmd", ("/bin/app", "-x y")),
        ("CMD echo $HOME", "cmd", ("/bin/sh", "-c", "echo $HOME")),
        ("CMD [not json", "cmd", ("/bin/sh", "-c", "[not json")),
        ("CMD []", "cmd", ()),
        ('entrypoint ["/init"]', "entrypoint", ("/init",)),
        ("ENV A=2 B='c d'", "env", ("PATH=/bin", "A=2", "B=c d")),
        ("ENV A and more", "env", ("PATH=/bin", "A=and more")),
        ("ENV A=", "env", ("PATH=/bin", "A=")),
        ("LABEL x=z w=1", "labels", {"x": "z", "w": "1"}),
        ("EXPOSE 80 53/udp 9000-9001", "exposed_ports", ("80/tcp", "53/udp", "9000/tcp", "9001/tcp")),
        ("VOLUME /a /b", "volumes", ("/a", "/b")),
        ('VOLUME ["/a b"]', "volumes", ("/a b",)),
        ("USER 1000:1000", "user", "1000:1000"),
        ("WORKDIR app", "workdir", "/srv/app"),
        ("WORKDIR /app", "workdir", "/app"),
        ("WORKDIR ../../..", "workdir", "/"),
        ("STOPSIGNAL SIGQUIT", "stop_signal", "SIGQUIT"),
        ("HEALTHCHECK NONE", "healthcheck", {"Test": ["NONE"]}),
        ("HEALTHCHECK CMD curl localhost", "healthcheck", {"Test": ["CMD-SHELL", "curl localhost"]}),
        (
            'HEALTHCHECK --interval=1m30s --retries=2 CMD ["/ok"]',
            "healthcheck",
            {"Test": ["CMD", "/ok"], "Interval": 90_000_000_000, "Retries": 2},
        ),
        ("ONBUILD RUN make", "other_config", {"OnBuild": ["RUN make"]}),
    ],
)
def test_an_instruction_changes_its_field(text, field, value):
    assert getattr(apply(BASE, [text]), field) == value


@pytest.mark.parametrize(
    "text",
    [
        *(
            "",
            "CMD",
            "RUN true",
            "COPY a b",
            "FROM x",
            "ENV",
            "ENV =x",
            "ENV A=1 B",
            "LABEL 'open",
            "EXPOSE http",
        ),
        *("EXPOSE 0", "EXPOSE 70000", "EXPOSE 9-8", "STOPSIGNAL no such", "HEALTHCHECK", "HEALTHCHECK maybe"),
        *("HEALTHCHECK --interval=soon CMD x", "HEALTHCHECK --retries=x CMD x", "HEALTHCHECK --x=1 CMD x"),
        *("HEALTHCHECK CMD", "HEALTHCHECK NONE x"),
    ],
)
def test_what_has_no_meaning_is_refused(text):
    with pytest.raises(UsageError):
        apply(BASE, [text])


@settings(deadline=None)
@given(st.lists(_WORD, max_size=4))
def test_words_arrive_as_they_are(words):
    assert apply(BASE, [f"ENTRYPOINT {json.dumps(words)}"]).entrypoint == tuple(words)


@settings(deadline=None)
@given(st.dictionaries(_KEY, _WORD, min_size=1, max_size=4))
def test_quoted_values_arrive_as_they_are(values):
    text = " ".join(f"{key}={shlex.quote(value)}" for key, value in values.items())
    assert apply(BASE, [f"LABEL {text}"]).labels == {"x": "y", **values}


@settings(deadline=None)
@given(st.lists(st.text(max_size=30), max_size=3))
def test_no_text_ends_in_another_error(texts):
    with suppress(UsageError):
        apply(BASE, texts)
