from collections.abc import Iterator
from pathlib import Path

import pytest
from registry.registry_answers import path
from registry.registry_hostile import Site, hostile
from registry.registry_image import blobs, make_image
from registry.registry_server import serve

from runtime.image.content import Content
from runtime.image.model import Descriptor
from runtime.image.registry import Session
from runtime.image.registry_config import Registries
from runtime.image.registry_http import Patience


@pytest.fixture(autouse=True)
def _no_settings_of_the_host(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DOCKER_CONFIG", str(tmp_path / "docker"))
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path / "config"))
    monkeypatch.setenv("XDG_CONFIG_DIRS", str(tmp_path / "none"))
    monkeypatch.delenv("TAREBENCH_REGISTRIES", raising=False)


@pytest.fixture(scope="module")
def registry(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """A registry that lets everybody in: its host and port."""
    with serve(tmp_path_factory.mktemp("registry")) as host:
        yield host


@pytest.fixture
def ours(tmp_path: Path) -> Content:
    """Content to push from."""
    return Content(tmp_path / "ours")


@pytest.fixture
def theirs(tmp_path: Path) -> Content:
    """Content to pull into."""
    return Content(tmp_path / "theirs")


@pytest.fixture
def session() -> Iterator[Session]:
    with Session(Registries(), Patience(connect=5, silence=5, attempts=3, first_wait=0.01)) as opened:
        yield opened


@pytest.fixture
def site() -> Iterator[Site]:
    with hostile() as served:
        yield served


@pytest.fixture
def image(ours: Content) -> Descriptor:
    return make_image(ours, (300_000,))


@pytest.fixture
def layer(ours: Content, image: Descriptor) -> Descriptor:
    return blobs(ours, image)[1]


@pytest.fixture
def served(site: Site, ours: Content, image: Descriptor) -> Site:
    """A registry that has the image, honest until a test changes an answer."""
    site.get("/v2/app/manifests/1", ours.read(image), Content_Type=image.media_type)
    for blob in blobs(ours, image):
        site.get(path(blob), ours.path(blob.digest).read_bytes())
    return site
