"""Images on the command line: listed, named, saved, loaded, imported and removed."""

import bz2
import io
import json
import lzma
import os
import tarfile

import pytest

from runtime.image.store import ImageStore
from runtime.storage import registry

_ID = "sha256:"


def table(text: str) -> list[list[str]]:
    """The cells of a table, which are separated by several blanks."""
    return [[cell.strip() for cell in line.split("   ") if cell.strip()] for line in text.splitlines()]


@pytest.fixture
def files(tmp_path):
    """A tar archive of a few files."""
    path = tmp_path / "files.tar"
    with tarfile.open(path, "w") as archive:
        for name in ("one", "two"):
            member = tarfile.TarInfo(f"data/{name}")
            member.size = len(name)
            archive.addfile(member, io.BytesIO(name.encode()))
    return path


def test_images_are_listed(said, state):
    image = ImageStore(state).get("busybox")
    heading, row = table(said("images"))
    assert heading == ["REPOSITORY", "TAG", "IMAGE ID", "CREATED", "SIZE"]
    assert row[:3] == ["busybox", "latest", image.id[7:19]]
    assert row[4].endswith("MB")
    assert said("image", "ls") == said("images", "-a")
    assert said("images", "-q") == image.id[7:19]
    assert said("images", "-q", "--no-trunc") == image.id
    assert image.root.digest in said("images", "--digests")
    assert (
        said("images", "--format", "{{.Repository}}|{{.Tag}}|{{.ID}}") == f"busybox|latest|{image.id[7:19]}"
    )
    assert json.loads(said("images", "--format", "json"))["Repository"] == "busybox"


def test_images_are_filtered(said, fault, files):
    said("tag", "busybox", "host.example:5/team/app:1")
    newer = said("import", "-c", "LABEL role=data", str(files), "data")
    nameless = said("import", str(files))
    names = "{{.Repository}}:{{.Tag}}"

    def listed(*arguments: str) -> list[str]:
        return said("images", "--format", names, *arguments).split()

    assert listed("busybox") == ["busybox:latest"]
    assert listed("host.example:5/*/*") == ["host.example:5/team/app:1"]
    assert listed("--filter", "reference=*:latest") == ["data:latest", "busybox:latest"]
    assert listed("--filter", "label=role") == listed("--filter", "label=role=data") == ["data:latest"]
    assert listed("--filter", "dangling=true") == ["<none>:<none>"]
    assert said("images", "-q", "--no-trunc", "--filter", "dangling=true") == nameless
    assert "busybox:latest" in listed("--filter", "before=data")
    assert "busybox:latest" not in listed("--filter", "since=busybox")
    assert newer in said("images", "-q", "--no-trunc", "--filter", "since=busybox")
    assert listed("nosuch") == []
    assert "invalid filter" in fault(1, "images", "--filter", "colour=red")
    assert "no image 'nosuch'" in fault(1, "images", "--filter", "before=nosuch")


def test_names_move_and_go(said, fault, tarebox):
    image = said("images", "-q", "--no-trunc")
    assert said("tag", "busybox", "mine:1") == ""
    said("image", "tag", image[7:15], "mine:2")
    assert said("rmi", "mine:1") == "Untagged: mine:1"
    assert "has the names busybox:latest, mine:2" in fault(1, "rmi", image)
    assert said("rmi", "busybox") == "Untagged: busybox:latest"
    gone = said("image", "rm", "mine:2").splitlines()
    assert gone[:2] == ["Untagged: mine:2", f"Deleted: {image}"]
    assert len(gone) == 3
    assert said("images", "-q") == ""
    assert "no image 'busybox'" in fault(1, "tag", "busybox", "x")
    said("image", "bootstrap", "busybox")
    assert "is not the name of an image" in fault(1, "tag", "busybox", "UPPER")
    ended = tarebox("rmi", "nosuch", "busybox", "nosuch2")
    assert ended.returncode == 1
    assert ended.stderr.count("\n") == 2
    assert ended.stdout.startswith("Untagged: busybox:latest\nDeleted: sha256:")


def test_an_id_with_several_names_goes_by_force(said):
    said("tag", "busybox", "mine")
    identity = said("images", "-q", "busybox")
    assert said("rmi", "--force", identity).splitlines()[:2] == [
        "Untagged: busybox:latest",
        "Untagged: mine:latest",
    ]


def test_bootstrap_gives_the_same_image(said, fault):
    before = said("images", "-q", "--no-trunc")
    assert said("image", "bootstrap", "busybox") == before
    assert "has no packages" in fault(1, "image", "bootstrap", "--include", "ed", "busybox")
    assert "invalid choice" in fault(1, "image", "bootstrap", "windows")
    assert "is not a package's name" in fault(1, "image", "bootstrap", "debian", "--include=-x")


def test_what_is_saved_is_loaded(said, fault, tmp_path):
    image = said("images", "-q", "--no-trunc")
    said("tag", "busybox", "mine:1")
    for form in ("docker-archive", "oci-archive", "oci", "docker-dir", "oci-dir"):
        path = str(tmp_path / form)
        said("save", "-o", path, "--format", form, "busybox", "mine:1")
        said("rmi", "--force", image)
        assert said("load", "-i", path).splitlines() == [
            "Loaded image: busybox:latest",
            "Loaded image: mine:1",
        ]
        assert said("images", "-q", "--no-trunc").splitlines() == [image, image]
    assert "exists; name a new directory" in fault(1, "save", "-o", path, "--format", "oci-dir", "busybox")
    assert "can't go to standard output" in fault(1, "save", "--format", "oci-dir", "busybox")
    assert "no image 'nosuch'" in fault(1, "save", "-o", str(tmp_path / "no"), "busybox", "nosuch")
    assert not (tmp_path / "no").exists()


def test_archives_go_through_pipes(said, start, tmp_path):
    image = said("images", "-q", "--no-trunc")
    with start("save", image, text=False) as saving:
        archive, _ = saving.communicate()
    said("rmi", "busybox")
    for pack in (bytes, lzma.compress, bz2.compress):
        with start("load", "-q", text=False) as loading:
            output, faults = loading.communicate(pack(archive))
        assert (output.decode(), faults) == (f"Loaded image ID: {image}\n", b"")


def test_an_archive_is_imported(said, fault, files, tmp_path):
    identity = said("import", "-m", "from files", "-c", 'CMD ["/one"]', "-c", "ENV A=b", str(files), "data:1")
    assert identity.startswith(_ID)
    (found,) = json.loads(said("image", "inspect", "data:1"))
    assert found["Id"] == identity
    assert found["RepoTags"] == ["data:1"]
    assert found["Comment"] == "from files"
    assert found["Config"] == {"Cmd": ["/one"], "Env": ["A=b"]}
    assert found["Os"] == "linux"
    assert len(found["RootFS"]["Layers"]) == 1
    packed = tmp_path / "packed"
    for pack in (bz2.compress, lzma.compress):
        packed.write_bytes(pack(files.read_bytes()))
        said("import", str(packed), "packed")
        (again,) = json.loads(said("image", "inspect", "packed"))
        assert again["RootFS"] == found["RootFS"]
    said("import", "--platform", "linux/arm64/v8", str(files), "arm")
    assert said("image", "inspect", "-f", "{{.Architecture}} {{.Variant}}", "arm") == "arm64 v8"
    assert "unknown instruction" in fault(1, "import", "-c", "RUN true", str(files))
    assert "isn't fetched" in fault(1, "import", "https://host.example/files.tar")
    assert "No such file" in fault(1, "import", str(tmp_path / "missing"))


def test_history_is_told(said):
    image = said("images", "-q")
    heading, row = table(said("history", "busybox"))
    assert heading == ["IMAGE", "CREATED", "CREATED BY", "SIZE", "COMMENT"]
    assert row[0] == image
    assert row[2] == "tarebox image bootstrap busybox"
    assert row[3].endswith("MB")
    assert said("history", "-q", "busybox") == image
    exact = said("history", "--human=false", "--format", "{{.Size}} {{.CreatedAt}}", "busybox")
    assert exact.split()[0].isdigit()
    assert exact.endswith("1970-01-01T00:00:00Z")


def test_unused_images_are_pruned(said, fault, files):
    nameless = said("import", str(files))
    said("import", "-c", "LABEL keep=1", str(files))
    assert "nobody is there to be asked" in fault(1, "image", "prune")
    lines = said("image", "prune", "--force", "--filter", "label!=keep").splitlines()
    assert f"Deleted: {nameless}" in lines
    assert lines[-1].startswith("Total reclaimed space: ")
    assert len(said("images", "-q").split()) == 2
    assert (
        len([line for line in said("image", "prune", "-f").splitlines() if line.startswith("Deleted: ")]) == 2
    )
    assert said("images", "-q", "busybox")
    assert "Untagged: busybox:latest" in said("image", "prune", "--all", "--force")
    assert said("images", "-q") == ""
    assert said("image", "prune", "-f") == "Total reclaimed space: 0B"


def test_pruning_takes_what_was_begun(said, state):
    begun = state.data / "layers" / registry.driver(state).name / f"layers/.new-sha256-{'0' * 64}"
    begun.mkdir()
    said("image", "prune", "-f")
    assert not begun.exists()


def test_a_terminal_is_shown_no_archive(tarebox, environment):
    parent, child = os.openpty()
    try:
        ended = tarebox("load", stdin=child, input=None)
    finally:
        os.close(parent)
        os.close(child)
    assert ended.returncode == 1
    assert "standard input is a terminal; name a file with --input" in ended.stderr
