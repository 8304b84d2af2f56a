"""Files as an image archive that engines load: Docker's format, plain layers, no settings."""

import hashlib
import io
import json
import subprocess
import tarfile
from collections.abc import Sequence
from pathlib import Path

from bench.subject import SubjectError
from runtime.image.platform import Platform


def write_archive(layers: Sequence[Path], name: str, target: Path) -> None:
    """Write the archive (OCI image-spec config.md; Docker image specification 1.2).

    Args:
        layers: a directory with the files of each, bottom first.
        name: how the image is to be called, with a tag.
        target: the archive, into whose directory the layers are written first.

    Raises:
        SubjectError: tar(1) failed.
    """
    packed = [target.with_name(f"layer{number}.tar") for number in range(len(layers))]
    for files, layer in zip(layers, packed, strict=True):
        argv = ("tar", "-C", str(files), "-cf", str(layer), ".")
        done = subprocess.run(argv, capture_output=True, check=False)
        if done.returncode:
            raise SubjectError(f"the files of {files} can't be packed: {done.stderr.decode().strip()}")
    platform = Platform.host()
    config = {
        "architecture": platform.architecture,
        "os": platform.os,
        "config": {},
        "rootfs": {"type": "layers", "diff_ids": [_digest(layer) for layer in packed]},
    }
    manifest = [{"Config": "config.json", "RepoTags": [name], "Layers": [layer.name for layer in packed]}]
    with tarfile.open(target, "w") as archive:
        for member, content in (("config.json", config), ("manifest.json", manifest)):
            data = json.dumps(content).encode()
            info = tarfile.TarInfo(member)
            info.size = len(data)
            archive.addfile(info, io.BytesIO(data))
        for layer in packed:
            archive.add(layer, layer.name)
            layer.unlink()


def _digest(layer: Path) -> str:
    with layer.open("rb") as file:
        return f"sha256:{hashlib.file_digest(file, 'sha256').hexdigest()}"
