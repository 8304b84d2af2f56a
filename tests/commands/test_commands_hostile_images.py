"""Images that are broken or meant to harm, and disks that are full: one line, and nothing of it stays."""

import gzip
import hashlib
import io
import json
import os
import subprocess
import sys
import tarfile
from pathlib import Path

import pytest

from runtime.consistency import problems
from runtime.image.store import ImageStore
from tare.state import State

_KINDS = {
    "file": tarfile.REGTYPE,
    "symlink": tarfile.SYMTYPE,
    "link": tarfile.LNKTYPE,
    "block": tarfile.BLKTYPE,
}
_ON_SMALL_DISK = """\
mkdir $TAREBENCH_ROOT && mount -t tmpfs -o size=10m none $TAREBENCH_ROOT
tarebox() { "$0" -c "import sys; from runtime.cli import main; sys.exit(main())" "$@"; }
tarebox load -i $FILES/large.tar; echo load $?
tarebox images -q
tarebox system check; echo check $?
tarebox image prune -f
tarebox load -i $FILES/good.tar
tarebox system check; echo check $?
"""


def archive(*members: tuple[str, str, str | bytes]) -> bytes:
    """Members by name and kind, with their data or what they link to."""
    file = io.BytesIO()
    with tarfile.open(fileobj=file, mode="w") as tar:
        for name, kind, content in members:
            member = tarfile.TarInfo(name)
            member.type = _KINDS[kind]
            if isinstance(content, bytes):
                member.size = len(content)
            else:
                member.linkname = content
            tar.addfile(member, io.BytesIO(content) if isinstance(content, bytes) else None)
    return file.getvalue()


def saved(
    layer: bytes, *, diff_id: str = "", config: bytes | None = None, packed: bytes | None = None
) -> bytes:
    """As `docker save` wrote it, with a layer."""
    diff_id = diff_id or f"sha256:{hashlib.sha256(layer).hexdigest()}"
    config = config or json.dumps({"architecture": "amd64", "rootfs": {"diff_ids": [diff_id]}}).encode()
    manifest = [{"Config": "config.json", "RepoTags": ["hostile:1"], "Layers": ["layer.tar"]}]
    return archive(
        ("manifest.json", "file", json.dumps(manifest).encode()),
        ("config.json", "file", config),
        ("layer.tar", "file", packed or layer),
    )


OUTSIDE = archive(("../../../../../../outside", "file", b"x"))
THROUGH = archive(("up", "symlink", "/"), ("up/../../outside", "file", b"x"))
HARD = archive(("hosts", "link", "/etc/shadow"))
WHITEOUT = archive((".wh...", "file", b""))
GOOD = archive(("file", "file", b"good"))


@pytest.mark.parametrize(
    ("data", "what"),
    [
        (saved(OUTSIDE), "leads upwards"),
        (saved(THROUGH), "leads upwards"),
        (saved(HARD), "which the layer has not"),
        (saved(WHITEOUT), "names no file"),
        (saved(GOOD, diff_id=f"sha256:{'0' * 64}"), "instead of"),
        (saved(GOOD, packed=gzip.compress(GOOD)[:-5]), "cut off"),
        (saved(GOOD, config=b"[" * 100_000), "configuration"),
        (saved(GOOD, config=b"{}"), "1 layers and digests of 0"),
        (saved(GOOD)[:700], "cut off"),
        (archive(("manifest.json", "symlink", "/etc/shadow")), "neither index.json nor manifest.json"),
        (archive(("manifest.json", "file", b'[{"Config": "/etc/shadow"}]')), "no file"),
        (b"no archive at all" * 100, "not a tar archive"),
        (b"", "neither index.json nor manifest.json"),
    ],
)
def test_what_is_loaded(fault, state, tmp_path, data, what):
    path = tmp_path / "hostile.tar"
    path.write_bytes(data)
    said = fault(1, "load", "-i", str(path))
    assert what in said
    assert said.startswith(f"can't load {path}: ")
    clean(state, tmp_path)


@pytest.mark.parametrize("data", [OUTSIDE, THROUGH, HARD, WHITEOUT, GOOD[:600], b"text" * 300])
def test_what_is_imported(fault, state, tmp_path, data):
    path = tmp_path / "hostile.tar"
    path.write_bytes(data)
    assert fault(1, "import", str(path), "hostile:1").startswith(f"can't import {path}: ")
    clean(state, tmp_path)


def test_what_is_no_archive(fault, tmp_path):
    path = tmp_path / "text"
    for text in ("hello\n", "text" * 300):
        path.write_text(text)
        assert fault(1, "load", "-i", str(path)).endswith("docker, podman or skopeo wrote")
        assert "it is not a tar archive, or is " in fault(1, "load", input=text)
        said = fault(1, "import", str(path))
        assert said.startswith(f"can't import {path}: it is not a tar archive, or is ")
        assert "; a tar archive of files is expected, " in said
        assert fault(1, "import", "-", input=text).startswith("can't import standard input: ")
    assert "Is a directory" in fault(1, "import", str(tmp_path))
    for command in (("load", "-i"), ("import",)):
        assert "No such file" in fault(1, *command, str(tmp_path / "nosuch"))


def test_a_full_disk(environment, tmp_path):
    """A state on a small filesystem of its own, in a mount namespace that ends with the commands."""
    (tmp_path / "large.tar").write_bytes(saved(archive(("large", "file", os.urandom(6 << 20)))))
    (tmp_path / "good.tar").write_bytes(saved(GOOD))
    ended = subprocess.run(
        ["unshare", "--mount", "sh", "-c", _ON_SMALL_DISK, sys.executable],
        env={**environment, "TAREBENCH_ROOT": str(tmp_path / "small"), "FILES": str(tmp_path)},
        capture_output=True,
        text=True,
        check=True,
        timeout=60,
    )
    assert ended.stderr.count("\n") == 1
    assert "No space left" in ended.stderr or "no space left" in ended.stderr
    lines = ended.stdout.splitlines()
    assert lines[:2] == ["load 1", "check 0"]
    assert lines[-2:] == ["Loaded image: hostile:1", "check 0"]


def clean(state: State, tmp_path: Path) -> None:
    """See that nothing has become visible, and all is well."""
    assert [image.names for image in ImageStore(state).list()] == [("busybox:latest",)]
    assert list(problems(state)) == []
    assert not list(tmp_path.rglob("outside"))
