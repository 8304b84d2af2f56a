import json
from contextlib import suppress

import pytest
from hypothesis import given
from hypothesis import strategies as st

from runtime.image.config import ImageConfig
from runtime.image.model import (
    DOCKER_INDEX,
    DOCKER_MANIFEST,
    DOCUMENT_LIMIT,
    OCI_CONFIG,
    OCI_INDEX,
    OCI_LAYER,
    OCI_MANIFEST,
    Index,
    Manifest,
    parse_manifest,
)
from runtime.image.platform import Platform
from tare.errors import ImageError

DIGEST = "sha256:" + "ab" * 32
DESCRIPTOR = {"mediaType": OCI_CONFIG, "digest": DIGEST, "size": 7}
MANIFEST = {
    "schemaVersion": 2,
    "mediaType": OCI_MANIFEST,
    "config": DESCRIPTOR,
    "layers": [
        {"mediaType": OCI_LAYER, "digest": DIGEST, "size": 1, "urls": ["x"], "annotations": {"a": "b"}}
    ],
    "subject": {"x": 1},
    "annotations": {"c": "d"},
}
CONFIG = {
    "created": "2026-01-01T00:00:00Z",
    "architecture": "amd64",
    "os": "linux",
    "os.version": "7",
    "config": {
        "User": "nobody",
        "ExposedPorts": {"80/tcp": {}},
        "Env": ["A=b"],
        "Entrypoint": ["/init"],
        "Cmd": ["x"],
        "Volumes": {"/data": {}},
        "WorkingDir": "/w",
        "Labels": {"l": "ä"},
        "StopSignal": "SIGINT",
        "Healthcheck": {"Test": ["CMD", "true"]},
        "OnBuild": ["RUN x"],
    },
    "rootfs": {"type": "layers", "diff_ids": [DIGEST]},
    "history": [{"created_by": "x", "author": "me"}, {"empty_layer": True}],
}


def encoded(value: object) -> bytes:
    return json.dumps(value).encode()


def platform_index(*platforms: dict | None) -> bytes:
    entries = [DESCRIPTOR | ({"platform": platform} if platform else {}) for platform in platforms]
    return encoded({"schemaVersion": 2, "manifests": entries})


def test_what_is_parsed_is_written_again() -> None:
    manifest = Manifest.parse(encoded(MANIFEST))
    assert manifest.layers[0].annotations == {"a": "b"}
    assert json.loads(manifest.serialise()) == MANIFEST
    assert Manifest.parse(manifest.serialise()) == manifest
    config = ImageConfig.parse(encoded(CONFIG))
    assert config.entrypoint == ("/init",) and config.exposed_ports == ("80/tcp",)
    assert json.loads(config.serialise()) == CONFIG
    assert ImageConfig.parse(config.serialise()) == config


def test_the_kind_is_told_apart() -> None:
    docker = {**MANIFEST, "mediaType": DOCKER_MANIFEST}
    assert parse_manifest(encoded(docker)).media_type == DOCKER_MANIFEST
    plain = {key: value for key, value in MANIFEST.items() if key != "mediaType"}
    assert parse_manifest(encoded(plain)).media_type == OCI_MANIFEST
    assert parse_manifest(encoded(plain), DOCKER_MANIFEST).media_type == DOCKER_MANIFEST
    assert isinstance(parse_manifest(platform_index(None)), Index)
    assert parse_manifest(platform_index(None), DOCKER_INDEX).media_type == DOCKER_INDEX
    with pytest.raises(ImageError, match="an index stands"):
        Manifest.parse(platform_index(None))
    with pytest.raises(ImageError, match="a manifest stands"):
        Index.parse(encoded(MANIFEST))


@pytest.mark.parametrize(
    ("data", "match"),
    [
        (b"", "is not JSON"),
        (b"\xff", "is not JSON"),
        (b"[" * 100_000, "is not JSON"),
        (b"[]", "not a JSON object"),
        (b" " * (DOCUMENT_LIMIT + 1), "at most"),
        (encoded({"schemaVersion": 1}), "schema version 1"),
        (encoded({**MANIFEST, "mediaType": OCI_INDEX}), "not an image's"),
        (encoded({**MANIFEST, "mediaType": "text/html"}), "not an image's"),
        (encoded({**MANIFEST, "manifests": []}), "an index and a manifest at once"),
        (encoded({**MANIFEST, "config": None}), "not a JSON object"),
        (encoded({**MANIFEST, "layers": [1]}), "not a JSON object"),
        (encoded({**MANIFEST, "config": {**DESCRIPTOR, "size": -1}}), "size"),
        (encoded({**MANIFEST, "config": {**DESCRIPTOR, "size": True}}), "size"),
        (encoded({**MANIFEST, "config": {**DESCRIPTOR, "size": 1.5}}), "size"),
        (encoded({**MANIFEST, "config": {**DESCRIPTOR, "size": 1 << 63}}), "size"),
        (encoded({**MANIFEST, "config": {**DESCRIPTOR, "digest": "sha256:x"}}), "is not a digest"),
    ],
)
def test_a_broken_manifest_is_one_line(data: bytes, match: str) -> None:
    with pytest.raises(ImageError, match=match) as caught:
        parse_manifest(data)
    assert "\n" not in str(caught.value) and len(str(caught.value)) < 300


def test_a_manifest_is_what_it_was_announced_as() -> None:
    with pytest.raises(ImageError, match="announced"):
        parse_manifest(encoded(MANIFEST), OCI_INDEX)


@pytest.mark.parametrize(
    "config", [{"Env": "A=b"}, {"Env": [1]}, {"Cmd": ["a\0b"]}, {"Labels": {"a": 1}}, {"User": "\ud800"}, []]
)
def test_a_broken_configuration_is_one_line(config: object) -> None:
    with pytest.raises(ImageError):
        ImageConfig.parse(encoded({**CONFIG, "config": config}))


def test_a_platform_is_selected() -> None:
    offered = [
        {"os": "windows", "architecture": "amd64"},
        {"os": "linux", "architecture": "amd64"},
        {"os": "linux", "architecture": "arm", "variant": "v6"},
        {"os": "linux", "architecture": "arm", "variant": "v7"},
        {"os": "linux", "architecture": "arm64"},
    ]
    index = Index.parse(platform_index(*offered))

    def chosen(text: str) -> dict:
        platform = index.select(Platform.parse(text)).platform
        assert platform
        return platform.fields()

    assert chosen("amd64") == chosen("linux/amd64") == offered[1]
    assert chosen("linux/arm") == chosen("linux/arm/v8") == offered[3]
    assert chosen("linux/arm/v6") == offered[2]
    assert chosen("linux/arm64/v8") == offered[4]
    with pytest.raises(ImageError, match="linux/arm/v6"):
        index.select(Platform("s390x"))
    assert Index.parse(platform_index(None)).select(Platform("s390x")).size == 7
    for text in ("", "a/b/c/d", "linux/"):
        with pytest.raises(ImageError):
            Platform.parse(text)


json_values = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats()
    | st.text()
    | st.sampled_from([DIGEST, OCI_INDEX]),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(
            st.sampled_from([*MANIFEST, *DESCRIPTOR, *CONFIG, *CONFIG["config"], "platform"]), inner
        )
    ),
    max_leaves=12,
)


@given(json_values)
def test_no_document_ends_in_another_error(value: object) -> None:
    for parse in (parse_manifest, ImageConfig.parse):
        with suppress(ImageError):
            parse(encoded(value))
    for name in MANIFEST:
        with suppress(ImageError):
            parse_manifest(encoded({**MANIFEST, name: value}))
