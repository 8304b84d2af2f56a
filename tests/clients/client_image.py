"""A root file system as an archive that `docker load`, `podman load` and `ctr images import` all take.

See the OCI image specification, image-layout.md, and `manifest.json` of `docker save`.
"""

import hashlib
import io
import json
import platform
import tarfile
from pathlib import Path
from typing import Any

from runtime.layer import write_layer

_ARCHITECTURES = {"x86_64": "amd64", "aarch64": "arm64"}
_OCI = "application/vnd.oci.image"


def write_archive(rootfs: Path, name: str, archive: Path) -> None:
    """Write an image of one layer.

    Args:
        rootfs: its files.
        name: the image's name with registry and tag, as containerd wants it.
        archive: the file to write.
    """
    layer_file = archive.with_suffix(".layer")
    write_layer(rootfs, layer_file, "none")
    layer = layer_file.read_bytes()
    layer_file.unlink()
    config = _json(
        {
            "architecture": _ARCHITECTURES[platform.machine()],
            "os": "linux",
            "config": {"Env": ["PATH=/usr/sbin:/usr/bin:/sbin:/bin"], "Cmd": ["sh"]},
            "rootfs": {"type": "layers", "diff_ids": [f"sha256:{_digest(layer)}"]},
        }
    )
    manifest = _json(
        {
            "schemaVersion": 2,
            "mediaType": f"{_OCI}.manifest.v1+json",
            "config": _descriptor(f"{_OCI}.config.v1+json", config),
            "layers": [_descriptor(f"{_OCI}.layer.v1.tar", layer)],
        }
    )
    named = {"io.containerd.image.name": name}
    listed = {**_descriptor(f"{_OCI}.manifest.v1+json", manifest), "annotations": named}
    saved = {"Config": _blob(config), "RepoTags": [name], "Layers": [_blob(layer)]}
    with tarfile.open(archive, "w") as tar:
        _add(tar, "oci-layout", _json({"imageLayoutVersion": "1.0.0"}))
        _add(tar, "index.json", _json({"schemaVersion": 2, "manifests": [listed]}))
        _add(tar, "manifest.json", _json([saved]))
        for content in (config, manifest, layer):
            _add(tar, _blob(content), content)


def _json(value: Any) -> bytes:
    return json.dumps(value).encode()


def _digest(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()


def _blob(content: bytes) -> str:
    return f"blobs/sha256/{_digest(content)}"


def _descriptor(kind: str, content: bytes) -> dict[str, Any]:
    return {"mediaType": kind, "digest": f"sha256:{_digest(content)}", "size": len(content)}


def _add(tar: tarfile.TarFile, name: str, content: bytes) -> None:
    member = tarfile.TarInfo(name)
    member.size = len(content)
    tar.addfile(member, io.BytesIO(content))
