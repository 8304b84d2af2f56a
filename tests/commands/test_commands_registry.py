"""Images to and from registries on the command line: a real one, and such as fail and lie."""

import json
import os
import stat
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from registry.registry_answers import cut_after, lie_content, lie_longer, refuse
from registry.registry_hostile import Site, hostile
from registry.registry_image import blobs, make_image, make_index
from registry.registry_server import PASSWORD, USER, htpasswd, serve

from runtime.image.content import Content
from runtime.image.model import OCI_INDEX, Descriptor, Index
from runtime.image.platform import Platform
from runtime.image.store import ImageStore
from tare.state import State

Tarebox = Callable[..., str]


@pytest.fixture(scope="module")
def registry(tmp_path_factory) -> Iterator[str]:
    with serve(tmp_path_factory.mktemp("registry")) as host:
        yield host


@pytest.fixture
def guarded(tmp_path) -> Iterator[str]:
    with serve(tmp_path / "guarded", htpasswd(tmp_path / "guarded")) as host:
        yield host


@pytest.fixture
def environment(environment, tmp_path) -> dict[str, str]:
    """Without settings of the host."""
    for name in ("TAREBENCH_REGISTRIES", "DOCKER_CONFIG"):
        environment.pop(name, None)
    return {
        **environment,
        "XDG_CONFIG_HOME": str(tmp_path / "config"),
        "XDG_CONFIG_DIRS": str(tmp_path / "none"),
    }


@pytest.fixture
def elsewhere(environment, bare_tarebox, tmp_path) -> Tarebox:
    """What `tarebox` prints that succeeds on another state."""

    def output(*arguments: str, **options) -> str:
        ended = bare_tarebox(
            *arguments, env={**environment, "TAREBENCH_ROOT": str(tmp_path / "elsewhere")}, **options
        )
        assert ended.returncode == 0, ended.stderr
        return ended.stdout.removesuffix("\n")

    return output


@pytest.fixture
def site() -> Iterator[Site]:
    with hostile() as served:
        yield served


def test_what_is_pushed_is_pulled(said, elsewhere, registry):
    image = said("images", "-q", "--no-trunc")
    name = f"{registry}/team/app:1"
    said("tag", "busybox", name)
    pushed = said("push", name).splitlines()
    assert pushed[0] == f"The push refers to repository [{registry}/team/app]"
    assert pushed[1].endswith(": Pushed")
    digest = pushed[2].split()[2]
    assert said("push", name).splitlines()[1].endswith(": Layer already exists")
    assert said("push", "-q", name) == name

    pulled = elsewhere("pull", name).splitlines()
    assert pulled[0] == "1: Pulling from team/app"
    assert pulled[1].endswith(": Pull complete")
    assert pulled[2:] == [f"Digest: {digest}", f"Status: Downloaded newer image for {name}", name]
    assert elsewhere("images", "-q", "--no-trunc") == image
    again = elsewhere("pull", name).splitlines()
    assert again[1].endswith(": Already exists")
    assert again[3] == f"Status: Image is up to date for {name}"
    by_digest = f"{registry}/team/app@{digest}"
    assert elsewhere("pull", "-q", by_digest) == by_digest
    assert elsewhere("image", "inspect", "-f", "{{json .RepoDigests}}", by_digest) == json.dumps([by_digest])
    assert elsewhere("run", "--rm", "--network", "none", by_digest, "echo", "hello") == "hello"
    assert elsewhere("system", "check") == ""


def test_all_tags_of_a_repository(said, elsewhere, registry):
    names = [f"{registry}/tags:{tag}" for tag in ("a", "b")]
    for name in names:
        said("tag", "busybox", name)
    assert said("push", "--all-tags", f"{registry}/tags").count("digest: sha256:") == 2
    elsewhere("pull", "--all-tags", "-q", f"{registry}/tags")
    assert sorted(elsewhere("images", "--format", "{{.Repository}}:{{.Tag}}").split()) == names


def test_a_platform_of_several(said, fault, elsewhere, registry, state):
    """An index comes whole; of its manifests the one asked for."""
    store, name = ImageStore(state), f"{registry}/many:1"
    other = Platform("riscv64")
    with store.content.adding():
        store.add(make_index(store.content, [Platform.host(), other]), [name])
    root = said("push", name).split()[-3]
    elsewhere("pull", "-q", name)
    assert elsewhere("image", "inspect", "-f", "{{.Architecture}}", name) == Platform.host().architecture
    elsewhere("pull", "-q", "--platform", "linux/riscv64", f"{registry}/many@{root}")
    elsewhere("rmi", name)
    # What is here of it can be pushed.
    elsewhere("tag", root, f"{registry}/few:1")
    assert elsewhere("push", "--platform", "linux/riscv64", f"{registry}/few:1")
    assert f"{name} has nothing for linux/s390x" in fault(1, "pull", "--platform", "linux/s390x", name)
    assert elsewhere("system", "check") == ""


def test_an_image_of_another_platform_is_not_taken_for_the_one_asked_for(said, fault, elsewhere, registry):
    name, host = f"{registry}/single:1", Platform.host()
    said("tag", "busybox", name)
    said("push", "-q", name)
    wrong = f"the image {name} was found but is for another platform: wanted linux/s390x, found {host.os}/"
    for _ in range(2):
        assert wrong in fault(1, "pull", "--platform", "linux/s390x", name)
        elsewhere("pull", "-q", "--platform", f"{host.os}/{host.architecture}", name)
    assert wrong in fault(125, "run", "-q", "--platform", "linux/s390x", name, "true")
    assert said("images", "-q", name) != ""


def test_an_image_that_the_registry_has_not(said, fault, registry):
    for name in (f"{registry}/nosuch:1", f"{registry}/nosuch@sha256:{'0' * 64}"):
        assert f"the image {name} was not found: http://{registry}/v2/nosuch/" in fault(1, "pull", name)
    assert f"the image {registry}/nosuch:latest was not found" in fault(
        125, "run", "-q", f"{registry}/nosuch"
    )
    assert "no image" in fault(125, "run", "--pull", "never", f"{registry}/nosuch")


def test_run_pulls_as_it_is_told(said, elsewhere, bare_tarebox, environment, registry, tmp_path):
    name = f"{registry}/pulled:1"
    said("tag", "busybox", name)
    said("push", "-q", name)
    there = {**environment, "TAREBENCH_ROOT": str(tmp_path / "elsewhere")}
    command = (name, "sh", "-c", "cat /version 2>/dev/null || echo old")
    alone = ("--rm", "--network", "none")

    def run(*options: str) -> tuple[int, str, str]:
        ended = bare_tarebox("run", *alone, *options, *command, env=there)
        return ended.returncode, ended.stdout, ended.stderr

    code, _, fault = run("--pull", "never")
    assert code == 125
    assert f"no image '{name}'" in fault
    assert run() == (0, "old\n", f"pulling {name}\n")
    said("run", "--name", "changed", *alone[1:], "busybox", "sh", "-c", "echo new >/version")
    said("commit", "changed", name)
    said("push", "-q", name)
    for options in ((), ("--pull", "missing"), ("--pull", "never")):
        assert run(*options) == (0, "old\n", "")
    assert run("--pull", "always") == (0, "new\n", f"pulling {name}\n")
    assert run("--pull", "always", "--quiet") == (0, "new\n", "")
    elsewhere("rmi", name)
    created = bare_tarebox("create", "--quiet", "--name", "made", name, "true", env=there)
    assert (created.returncode, created.stderr) == (0, "")
    elsewhere("rm", "made")


def test_several_pulls_of_one_image(said, start, environment, registry, tmp_path):
    name = f"{registry}/race:1"
    said("tag", "busybox", name)
    said("push", "-q", name)
    root = {**environment, "TAREBENCH_ROOT": str(tmp_path / "elsewhere")}
    pulls = [start("pull", "-q", name, env=root) for _ in range(3)]
    assert [pull.communicate() for pull in pulls] == [(f"{name}\n", "")] * 3
    elsewhere = State.at(tmp_path / "elsewhere")
    assert [image.names for image in ImageStore(elsewhere).list()] == [(name,)]
    assert ImageStore(elsewhere).check() == ()


def test_a_name_needs_a_registry(fault, bare_tarebox):
    assert "names no registry and none is configured" in fault(1, "pull", "busybox:nosuch")
    assert "names no registry and none is configured" in fault(1, "push", "busybox")
    pushed = bare_tarebox("push", "localhost:1/nosuch")
    assert (pushed.returncode, pushed.stdout) == (1, "")
    assert "no image 'localhost:1/nosuch:latest'" in pushed.stderr
    assert "is not the name of an image" in fault(1, "pull", "UPPER/case:")
    assert "can't connect to http://127.0.0.1:1/v2/x/" in fault(1, "pull", "127.0.0.1:1/x")


def test_credentials_are_kept_for_this_user_alone(said, fault, guarded, tmp_path):
    name = f"{guarded}/app:1"
    said("tag", "busybox", name)
    assert "log in with `tarebox login`" in fault(1, "push", "-q", name)
    assert "401" in fault(1, "login", "-u", USER, "--password-stdin", guarded, input="wrong\n")
    assert "nobody is there to be asked" in fault(1, "login", guarded)
    assert said("login", "-u", USER, "--password-stdin", guarded, input=f"{PASSWORD}\n") == "Login Succeeded"
    kept = tmp_path / "config/tarebench/credentials.json"
    assert stat.S_IMODE(kept.stat().st_mode) == 0o600
    assert list(json.loads(kept.read_text())["auths"]) == [guarded]
    said("push", "-q", name)
    said("pull", "-q", name)
    assert said("logout", guarded) == f"Removing login credentials for {guarded}"
    assert said("logout", guarded) == f"Not logged in to {guarded}"
    assert "401" in fault(1, "pull", name)


@pytest.mark.parametrize(
    ("answer", "what"),
    [
        (lie_content, "sent something else"),
        (lie_longer, "instead of"),
        (refuse, "answered 403 (not  [2J you or me)"),
    ],
)
def test_a_registry_that_lies(said, fault, site, tmp_path, answer, what):
    ours = Content(tmp_path / "ours")
    image = make_image(ours, (300_000,))
    served(site, ours, image)
    layer = blobs(ours, image)[1]
    site.on("GET", f"/v2/app/blobs/{layer.digest}", answer(ours.path(layer.digest).read_bytes()))
    assert what in fault(1, "pull", "-q", f"{site.host}/app:1")
    assert said("images", "-q").count("\n") == 0
    assert said("system", "check") == ""


def test_what_was_cut_off_is_resumed(said, site, tmp_path):
    ours = Content(tmp_path / "ours")
    image = make_image(ours, (300_000,))
    served(site, ours, image)
    layer = blobs(ours, image)[1]
    data = ours.path(layer.digest).read_bytes()
    site.on(
        *("GET", f"/v2/app/blobs/{layer.digest}"),
        cut_after(data, 100_000),
        lambda request: request.reply(200, data),
    )
    said("pull", "-q", f"{site.host}/app:1")
    ranges = [headers.get("Range") for _, path, headers in site.asked if path.endswith(layer.digest)]
    assert ranges == [None, "bytes=100000-"]


def test_an_index_without_end(said, fault, site, tmp_path):
    """Each index names one that names another, deeper than any real one."""
    ours = Content(tmp_path / "ours")
    root = make_image(ours)
    for _ in range(8):
        root = ours.put(Index((root,)).serialise(), OCI_INDEX)
    for digest in ours.digests():
        site.get(f"/v2/app/manifests/{digest}", ours.path(digest).read_bytes(), Content_Type=OCI_INDEX)
    site.get("/v2/app/manifests/1", ours.read(root), Content_Type=OCI_INDEX)
    assert "an index within an index without end" in fault(1, "pull", f"{site.host}/app:1", "-q")
    assert said("system", "check") == ""


def test_an_interrupted_pull_leaves_nothing_to_see(said, start, site, tmp_path):
    ours = Content(tmp_path / "ours")
    image = make_image(ours, (300_000,))
    served(site, ours, image)
    layer = blobs(ours, image)[1]

    def stall(request) -> None:
        request.begin(200, Content_Length=str(layer.size))
        request.wfile.write(ours.path(layer.digest).read_bytes()[:1000])
        os.kill(pull.pid, 2)
        request.stall()

    site.on("GET", f"/v2/app/blobs/{layer.digest}", stall)
    with start("pull", "-q", f"{site.host}/app:1") as pull:
        assert pull.communicate() == ("", "")
    assert pull.returncode == 130
    assert said("system", "check") == ""
    assert said("image", "prune", "-f").startswith("Total reclaimed space: ")
    assert [path.name for path in (tmp_path / "root/data/content/partial").iterdir()] == []


def served(site: Site, content: Content, image: Descriptor) -> None:
    """Have a site answer honestly."""
    site.get("/v2/app/manifests/1", content.read(image), Content_Type=image.media_type)
    for blob in blobs(content, image):
        site.get(f"/v2/app/blobs/{blob.digest}", Path(content.path(blob.digest)).read_bytes())
