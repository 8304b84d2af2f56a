"""Whatever a bundle holds, reading and checking it ends well or with the error specified."""

import json
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from oci_configs import FULL, MISSING, change, changed

from runtime import seccomp
from runtime.oci import config, mount_options
from runtime.oci.errors import ConfigError

RAW = {
    "@huge": "1" + "0" * 4000,
    "@endless": "9" * 6000,
    "@negative": "-" + "9" * 300,
    "@infinite": "1e999",
    "@nan": "NaN",
    "@nested": "[" * 900 + "]" * 900,
    "@bottomless": '{"a":' * 20_000 + "1" + "}" * 20_000,
    "@twice": '"x", "a": {}',
    "@broken": "{",
    **{
        f"@{number}": text
        for number, text in enumerate(
            ("[]", "{}", "[[]]", "[{}]", "[null]", "[0]", '[""]', r'["\u0000"]', '{"": 1}', '{"a": null}')
        )
    },
    "@names": r'{"\u0000": {}, "path": "x"}',
}
"""Containers, and what json.dumps would not write: placeholders, and the text to put in their place."""
VALUES = (
    *(None, True, False, 0, 1, -1, 5, 1.0, -0.5, 1 << 16, 1 << 31, 1 << 32, 1 << 63, 1 << 64, 1 << 80),
    *("", "x", "/", "/x", "..", "a\0b", "\0", "\ud800", "\udfff\ud800", "ä" * 70, "x" * 5000, "-", ","),
    *("1.0.0", "0-3,7", "3-0", "A=", "=", "=x", "rbind", "idmap", "%d", "user", "SCHED_RR", "SCMP_ACT_KILL"),
    *RAW,
)


def places(value: Any, path: str = "") -> Iterator[str]:
    """Paths of all members and elements, at any depth."""
    members = (
        value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    )
    for name, member in members:
        if "/" not in str(name):
            yield f"{path}{name}"
            yield from places(member, f"{path}{name}/")


PLACES = tuple(places(FULL))
INVENTED = ("unknown", "linux/unknown", "linux/sysctl/x", "linux/netDevices/x y", "annotations/\0", "null")
CUTS = (*[0] * 20, 1, 2, 100)
changes = st.tuples(
    st.sampled_from((*PLACES, *INVENTED)),
    st.sampled_from((*VALUES, *[MISSING] * 5)) | st.integers() | st.text(max_size=4),
)


@pytest.fixture(scope="module")
def bundle(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("bundle")


def written(places_and_values: list[tuple[str, Any]]) -> str:
    """The full configuration with changes, but those whose place an earlier one took away."""
    mutated = changed()
    for path, value in places_and_values:
        with suppress(KeyError, IndexError, TypeError, ValueError):
            change(mutated, path, value)
    text = json.dumps(mutated)
    for placeholder, raw in RAW.items():
        if placeholder in text:
            text = text.replace(f'"{placeholder}"', raw)
    return text


@settings(max_examples=10_000, deadline=None, suppress_health_check=list(HealthCheck))
@given(
    st.lists(changes, min_size=1, max_size=3), st.sampled_from((0,) * 20 + (1, 2, 100)), st.integers(0, 5000)
)
def test_a_mutated_configuration_is_valid_or_refused(
    bundle: Path, mutations: list[tuple[str, Any]], cut: int, flip: int
) -> None:
    """Members deleted, replaced and invented; sometimes the file is cut short, or a byte of it wrong."""
    content = bytearray(written(mutations).encode())
    if flip < 200:
        content[flip] ^= 1 << flip % 8
    del content[len(content) - cut :]
    (bundle / "config.json").write_bytes(content)
    try:
        loaded, raw = config.load(str(bundle))
        assert raw == content
        warnings = config.check(loaded)
        seccomp.compile_filter(loaded.get("linux", {}).get("seccomp", FULL["linux"]["seccomp"]))
    except (ConfigError, seccomp.ProfileError) as error:
        assert str(error).isprintable()
        return
    assert all(warning.isprintable() for warning in warnings)
    for mount in loaded.get("mounts", ()):
        mount_options.parse(mount.get("options", []))
