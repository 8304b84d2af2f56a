"""Containers' files and images: copied, compared, exported, committed, and removed while in use."""

import io
import json
import tarfile
from pathlib import Path

import pytest


@pytest.fixture(params=["running", "stopped"])
def box(said, request) -> str:
    """A container that wrote something; the name, without a network to be quick."""
    said("run", "-d", "--name", "box", "--network", "none", "busybox", "sleep", "1000")
    script = "mkdir /data && echo hello >/data/file && ln -s /etc/passwd /data/link && rm /bin/vi"
    said("exec", "box", "sh", "-c", script)
    if request.param == "stopped":
        said("stop", "-t", "0", "box")
    return "box"


def test_what_changed_is_listed(said, box):
    lines = said("diff", box).splitlines()
    assert {"C /bin", "D /bin/vi", "A /data", "A /data/file", "A /data/link"} <= set(lines)


def test_files_are_copied(said, fault, box, tmp_path):
    said("cp", f"{box}:/data", str(tmp_path / "out"))
    assert (tmp_path / "out/file").read_text() == "hello\n"
    assert (tmp_path / "out/link").readlink() == Path("/etc/passwd")
    (tmp_path / "in").write_text("from the host")
    said("cp", str(tmp_path / "in"), f"{box}:/data/in")
    said("cp", f"{box}:/data/in", str(tmp_path / "again"))
    assert (tmp_path / "again").read_text() == "from the host"
    said("cp", "-L", f"{box}:/data/link", str(tmp_path / "followed"))
    assert "root" in (tmp_path / "followed").read_text()
    assert (tmp_path / "followed").read_text() != "from the host"
    for path in ("/nosuch", "/nosuch/below"):
        assert f"there is no {path} in the container {box}" in fault(1, "cp", f"{box}:{path}", str(tmp_path))
    refused = f"can't copy {tmp_path}/in to /nosuch/x in the container {box}: No such file or directory"
    assert refused in fault(1, "cp", str(tmp_path / "in"), f"{box}:/nosuch/x")
    assert "one of the two places" in fault(1, "cp", "a", "b")
    assert "o such container: nosuch" in fault(1, "cp", "nosuch:/a", str(tmp_path))


@pytest.mark.parametrize("driver", ["overlay", "vfs", "fuse-overlayfs"])
def test_a_stopped_containers_mounts_are_seen(said, fault, tmp_path, driver):
    host, sent = tmp_path / "host", tmp_path / "sent"
    host.mkdir()
    (host / "file").write_text("of the host")
    sent.write_text("sent")
    mounts = ("-v", "named:/deep/data", "-v", f"{host}:/deep/data/host", "-v", f"{host}:/fixed:ro")
    create = ("--storage-driver", driver, "create", "--network", "none", *mounts)
    said(*create, "--name", "box", "busybox", "sh", "-c", "echo kept >/deep/data/kept")
    said("start", "-a", "box")
    said("cp", "box:/deep/data/kept", str(tmp_path / "kept"))
    assert (tmp_path / "kept").read_text() == "kept\n"
    said("cp", "box:/deep/data", str(tmp_path / "all"))
    assert (tmp_path / "all/host/file").read_text() == "of the host"
    said("cp", str(sent), "box:/deep/data/host/sent")
    assert (host / "sent").read_text() == "sent"
    said("cp", str(sent), "box:/deep/data")
    said("cp", str(sent), "box:/own")
    assert "Read-only file system" in fault(1, "cp", str(sent), "box:/fixed")
    said(*create, "--name", "other", "--read-only", "busybox", "cat", "/deep/data/again")
    said("cp", str(sent), "other:/deep/data/again")
    assert said("start", "-a", "other") == "sent"
    assert "Read-only file system" in fault(1, "cp", str(sent), "other:/own")
    assert "A /own" in said("diff", "box").splitlines()
    assert str(tmp_path) not in Path("/proc/self/mounts").read_text()


def test_files_are_streamed(start, said, box):
    archive = io.BytesIO()
    with tarfile.open(fileobj=archive, mode="w") as tar:
        member = tarfile.TarInfo("sent")
        member.size = 4
        tar.addfile(member, io.BytesIO(b"data"))
    with start("cp", "-", f"{box}:/data", text=False) as sending:
        assert sending.communicate(archive.getvalue()) == (b"", b"")
    with start("cp", f"{box}:/data", "-", text=False) as receiving:
        output, faults = receiving.communicate()
    assert faults == b""
    with tarfile.open(fileobj=io.BytesIO(output)) as tar:
        assert tar.extractfile("data/sent").read() == b"data"


def test_files_are_exported(said, start, fault, box, tmp_path):
    said("export", "-o", str(tmp_path / "files.tar"), box)
    with start("export", box, text=False) as exporting:
        output, _ = exporting.communicate()
    for source in (tmp_path / "files.tar").read_bytes(), output:
        with tarfile.open(fileobj=io.BytesIO(source)) as tar:
            names = {name.removeprefix("./") for name in tar.getnames()}
        assert {"data/file", "data/link", "bin/sh"} <= names
        assert "bin/vi" not in names
        # What is mounted in the container is not its own.
        assert not [name for name in names if name.startswith(("proc/", "sys/", "dev/pts/"))]
    said("import", str(tmp_path / "files.tar"), "exported")
    assert said("run", "--rm", "--network", "none", "exported", "/bin/cat", "/data/file") == "hello"
    assert "can't write" in fault(1, "export", "-o", "/dev/full", box)


def test_changes_become_an_image(said, fault, box, state):
    identity = said(
        "commit", "-a", "me", "-m", "why", "-c", 'CMD ["cat", "/data/file"]', "-c", "ENV A=b", box, "mine:1"
    )
    (found,) = json.loads(said("image", "inspect", "mine:1"))
    assert found["Id"] == identity
    assert (found["Author"], found["Comment"]) == ("me", "why")
    assert found["Config"]["Cmd"] == ["cat", "/data/file"]
    assert "A=b" in found["Config"]["Env"]
    assert len(found["RootFS"]["Layers"]) == 2
    assert said("run", "--rm", "--network", "none", "mine:1") == "hello"
    assert "why" in said("history", "mine:1").splitlines()[1]
    plain = said("commit", "--pause=false", box)
    config = json.loads(said("image", "inspect", "-f", "{{json .Config}}", plain))
    assert config["Cmd"] == ["sleep", "1000"]
    assert not [text for text in config["Env"] if text.startswith(("HOME=", "HOSTNAME="))]
    assert "unknown instruction" in fault(1, "commit", "-c", "COPY a b", box)
    assert said("system", "check") == ""


def test_an_image_in_use_stays(said, fault, box):
    image = said("images", "-q", "--no-trunc")
    used = fault(1, "rmi", "busybox")
    assert "is used by the" in used
    assert "container box" in used
    said("tag", "busybox", "other")
    assert said("rmi", "busybox") == "Untagged: busybox:latest"
    if "running" in used:
        assert "running container box" in fault(1, "rmi", "-f", image)
    else:
        assert f"Deleted: {image}" in said("rmi", "-f", image)
        # It has its files still.
        said("start", box)
        assert said("exec", box, "cat", "/data/file") == "hello"
    said("image", "prune", "-a", "-f")
    assert said("system", "check") == ""


def test_disk_usage(said, box):
    lines = said("system", "df").splitlines()
    assert lines[0].split() == ["TYPE", "TOTAL", "ACTIVE", "SIZE", "RECLAIMABLE"]
    rows = {line[:16].strip(): line[16:].split() for line in lines[1:]}
    assert rows["Images"][:2] == ["1", "1"]
    assert rows["Images"][3:] == ["0B", "(0%)"]
    assert rows["Containers"][0] == "1"
    text = said("system", "df", "-v")
    for title in ("Images", "Layers", "Containers", "Local Volumes"):
        assert f"{title} space usage:" in text
    assert json.loads(said("system", "df", "--format", "json").splitlines()[0])["Type"] == "Images"
    assert "Packed Images are the same" in " ".join(said("system", "df", "--help").split())


def test_what_nobody_needs_is_removed(said, fault, tarebox):
    said("run", "--name", "done", "--network", "none", "-v", "/data", "busybox", "true")
    said("run", "-d", "--name", "busy", "--network", "none", "busybox", "sleep", "1000")
    said("volume", "create", "named")
    said("network", "create", "unused")
    assert "nobody is there to be asked" in fault(1, "system", "prune")
    done = said("ps", "-aq", "--no-trunc", "--filter", "name=done")
    text = said("system", "prune", "--all", "--force", "--volumes")
    assert text.startswith(f"Deleted Containers:\n{done}\n\nDeleted Networks:\nunused\n\nDeleted Volumes:\n")
    assert "Total reclaimed space: " in text
    assert said("ps", "-a", "--format", "{{.Names}}") == "busy"
    assert said("volume", "ls", "-q") == "named"
    assert said("images", "--format", "{{.Repository}}") == "busybox"
    said("rm", "-f", "busy")
    assert "Untagged: busybox:latest" in said("system", "prune", "-af")
    assert said("system", "df", "--format", "{{.Type}}: {{.Size}}").splitlines()[:2] == [
        "Images: 0B",
        "Packed Images: 0B",
    ]
    assert said("system", "check") == ""


def test_stopped_containers_are_removed(said, fault):
    for name, label in (("old", "keep=1"), ("new", "keep=0")):
        said("run", "--name", name, "--label", label, "--network", "none", "busybox", "true")
    said("run", "-d", "--name", "busy", "--network", "none", "busybox", "sleep", "1000")
    assert "nobody is there to be asked" in fault(1, "container", "prune")
    assert said("container", "prune", "-f", "--filter", "until=1h") == "Total reclaimed space: 0B"
    assert said("container", "prune", "-f", "--filter", "label!=keep=1").startswith("Deleted Containers:\n")
    assert said("ps", "-a", "--format", "{{.Names}}").split() == ["busy", "old"]
    assert "invalid filter" in fault(1, "container", "prune", "-f", "--filter", "colour=red")
