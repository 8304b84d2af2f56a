"""Files as an image archive that engines load: Docker's format, one plain layer, no settings."""

import hashlib
import io
import json
import subprocess
import tarfile
from pathlib import Path

from bench.subject import SubjectError
from runtime.image.platform import Platform


def write_archive(rootfs: Path, name: str, target: Path) -> None:
    """Write the archive (OCI image-spec config.md; Docker image specification 1.2).

    Args:
        rootfs: the image's files.
        name: how the image is to be called, with a tag.
        target: the archive, into whose directory the layer is written first.

    Raises:
        SubjectError: tar(1) failed.
    """
    layer = target.with_name("layer.tar")
    done = subprocess.run(
        ("tar", "-C", str(rootfs), "-cf", str(layer), "."), capture_output=True, check=False
    )
    if done.returncode:
        raise SubjectError(f"the files of {rootfs} can't be packed: {done.stderr.decode().strip()}")
    with layer.open("rb") as file:
        digest = hashlib.file_digest(file, "sha256").hexdigest()
    platform = Platform.host()
    config = {
        "architecture": platform.architecture,
        "os": platform.os,
        "config": {},
        "rootfs": {"type": "layers", "diff_ids": [f"sha256:{digest}"]},
    }
    manifest = [{"Config": "config.json", "RepoTags": [name], "Layers": [layer.name]}]
    with tarfile.open(target, "w") as archive:
        for member, content in (("config.json", config), ("manifest.json", manifest)):
            data = json.dumps(content).encode()
            info = tarfile.TarInfo(member)
            info.size = len(data)
            archive.addfile(info, io.BytesIO(data))
        archive.add(layer, layer.name)
    layer.unlink()
