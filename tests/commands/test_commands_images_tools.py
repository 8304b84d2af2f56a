"""What other tools make of an image that `tarebox` saved, loaded and run again."""

import subprocess
from pathlib import Path

# The tools keep notes on blobs below /var/lib/containers, wherever they are told to work.
_ALONE = ("unshare", "--mount", "sh", "-ec", 'mount -t tmpfs none /var/lib; exec "$@"', "sh")


def run(*command: str | Path) -> None:
    subprocess.run([*_ALONE, *command], check=True, capture_output=True)


def test_skopeo_copies_ours(said, tmp_path):
    image = said("images", "-q", "--no-trunc")
    said("tag", "busybox", "localhost/ours:1")
    said("save", "-o", str(tmp_path / "ours"), "localhost/ours:1")
    ours = f"docker-archive:{tmp_path}/ours:localhost/ours:1"
    run("skopeo", "--insecure-policy", "copy", ours, f"oci-archive:{tmp_path}/its:localhost/its:1")
    assert said("load", "-i", str(tmp_path / "its")) == "Loaded image: localhost/its:1"
    assert said("image", "inspect", "-f", "{{.RootFS}}", "localhost/its:1") == said(
        "image", "inspect", "-f", "{{.RootFS}}", image
    )
    assert said("run", "--rm", "--network", "none", "localhost/its:1", "echo", "hello") == "hello"


def test_umoci_changes_ours(said, tmp_path):
    said("save", "--format", "oci-dir", "-o", str(tmp_path / "layout"), "busybox")
    run("umoci", "unpack", "--image", f"{tmp_path}/layout:latest", tmp_path / "bundle")
    (tmp_path / "bundle/rootfs/added").write_text("added\n")
    run("umoci", "repack", "--image", f"{tmp_path}/layout:latest", tmp_path / "bundle")
    assert said("load", "-i", str(tmp_path / "layout")) == "Loaded image: busybox:latest"
    assert said("run", "--rm", "--network", "none", "busybox", "cat", "/added") == "added"
    assert said("system", "check") == ""
