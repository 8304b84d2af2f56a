"""What skopeo, umoci and buildah make of our images, and we of theirs."""

import json
import os
import stat
import subprocess
from pathlib import Path

import pytest
from image_making import add_image

from runtime.image.config import History, ImageConfig
from runtime.image.making import extend_image, make_image
from runtime.image.model import OCI_MANIFEST
from runtime.image.pack import pack
from runtime.image.platform import Platform
from runtime.image.saving import load, save
from runtime.image.store import ImageStore, StoredImage
from runtime.image.unpack import unpack
from tare.state import State


@pytest.fixture
def store(tmp_path: Path) -> ImageStore:
    return ImageStore(State.at(tmp_path / "state"))


# The tools keep notes on blobs below /var/lib/containers, wherever they are told to work.
ALONE = ("unshare", "--mount", "sh", "-ec", 'mount -t tmpfs none /var/lib; exec "$@"', "sh")


def run(*command: str | Path) -> str:
    done = subprocess.run([*ALONE, *command], check=False, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    return done.stdout


def skopeo(*arguments: str) -> str:
    return run("skopeo", "--insecure-policy", *arguments)


def tricky_image(store: ImageStore, tmp_path: Path) -> StoredImage:
    """Two layers with all that travels, and deletions in the second."""
    lower, upper = tmp_path / "lower", tmp_path / "upper"
    (lower / "dir/inner").mkdir(parents=True)
    (lower / "dir/inner/file").write_text("file")
    (lower / "dir/hard").hardlink_to(lower / "dir/inner/file")
    (lower / "gone").write_text("gone")
    (lower / "hidden").mkdir()
    (lower / "hidden/old").write_text("old")
    (lower / ("long" * 40)).write_text("long")
    (lower / "soft").symlink_to("dir")
    os.mknod(lower / "null", 0o20666, os.makedev(1, 3))
    os.mkfifo(lower / "pipe")
    (lower / "su").write_text("su")
    os.chown(lower / "su", 12, 34)
    (lower / "su").chmod(0o6755)
    capability = bytes.fromhex("0100000200000000000000000000000000000000")
    (lower / "ping").write_text("ping")
    os.setxattr(lower / "ping", "security.capability", capability)
    (upper / "hidden").mkdir(parents=True)
    os.setxattr(upper / "hidden", "trusted.overlay.opaque", b"y")
    (upper / "hidden/new").write_text("new")
    os.mknod(upper / "gone", stat.S_IFCHR, 0)
    with store.content.adding():
        layers = [pack(path, store.content) for path in (lower, upper)]
        host = Platform.host()
        config = ImageConfig(host.architecture, cmd=("/x",), env=("A=b",), created="2026-01-01T00:00:00Z")
        base = make_image(store.content, layers[:1], config)
        first = store.add(base)
        root = extend_image(
            store.content, first.manifest, first.config, layers[1], History(created_by="test")
        )
        return store.add(root, ["localhost/tricky:1"])


def flat(store: ImageStore, image: StoredImage, target: Path) -> Path:
    """An image's files, through the overlay filesystem."""
    layers = []
    for number, (layer, diff_id) in enumerate(zip(image.manifest.layers, image.config.diff_ids, strict=True)):
        directory = target / str(number)
        directory.mkdir(parents=True)
        with store.content.open(layer.digest) as file:
            assert not unpack(file, directory, diff_id=diff_id, lower=layers).skipped
        layers.insert(0, directory)
    lower = ":".join(map(str, [*layers, target / "empty"]))
    (target / "empty").mkdir()
    (target / "mounted").mkdir()
    (target / "flat").mkdir()
    mount = f"mount -t overlay -o ro,lowerdir={lower} none {target}/mounted"
    run("sh", "-ec", f"{mount}; cp -a {target}/mounted/. {target}/flat")
    return target / "flat"


def described(path: Path) -> tuple:
    status = path.lstat()
    kind = stat.S_IFMT(status.st_mode)
    plain = (0, 0) if stat.S_ISDIR(kind) else (status.st_size, status.st_nlink)
    attributes = {
        name: os.getxattr(path, name, follow_symlinks=False)
        for name in os.listxattr(path, follow_symlinks=False)
    }
    link = path.readlink() if path.is_symlink() else None
    content = path.read_bytes() if stat.S_ISREG(kind) else b""
    return status.st_mode, status.st_uid, status.st_gid, status.st_rdev, *plain, attributes, link, content


def listing(root: Path) -> dict[Path, tuple]:
    return {path.relative_to(root): described(path) for path in root.rglob("*")}


@pytest.mark.parametrize("kind", ["oci", "oci-archive", "docker-archive"])
def test_skopeo_reads_ours_and_we_read_its(store: ImageStore, tmp_path: Path, kind: str) -> None:
    image = tricky_image(store, tmp_path)
    form = "docker" if kind == "docker-archive" else "oci"
    save(store, ["localhost/tricky:1"], tmp_path / "ours", form=form, directory=kind == "oci")
    ours = f"{kind}:{tmp_path}/ours:" + ("localhost/tricky:1" if kind == "docker-archive" else "1")
    assert json.loads(skopeo("inspect", "--config", ours))["config"]["Cmd"] == ["/x"]
    for back in ("oci", "oci-archive", "docker-archive"):
        path = tmp_path / f"back-{back}"
        skopeo("copy", ours, f"{back}:{path}:localhost/tricky:1")
        other = ImageStore(State.at(tmp_path / f"state-{back}"))
        (loaded,) = load(other, path)
        assert loaded.config.diff_ids == image.config.diff_ids
        assert loaded.names == ("localhost/tricky:1",)
        assert other.check() == ()


def test_umoci_unpacks_ours_as_we_do(store: ImageStore, tmp_path: Path) -> None:
    image = tricky_image(store, tmp_path)
    save(store, ["localhost/tricky:1"], tmp_path / "ours", form="oci", directory=True)
    run("umoci", "unpack", "--image", f"{tmp_path}/ours:1", tmp_path / "bundle")
    assert listing(flat(store, image, tmp_path / "out")) == listing(tmp_path / "bundle/rootfs")


def test_we_unpack_what_umoci_packs(store: ImageStore, tmp_path: Path) -> None:
    tricky_image(store, tmp_path)
    save(store, ["localhost/tricky:1"], tmp_path / "layout", form="oci", directory=True)
    bundle = tmp_path / "bundle"
    run("umoci", "unpack", "--image", f"{tmp_path}/layout:1", bundle)
    (bundle / "rootfs/su").unlink()
    (bundle / "rootfs/dir/added").write_text("added")
    (bundle / "rootfs/ping").chmod(0o700)
    run("umoci", "repack", "--image", f"{tmp_path}/layout:2", bundle)
    other = ImageStore(State.at(tmp_path / "other"))
    image = max(load(other, tmp_path / "layout", "mine"), key=lambda image: len(image.layers))
    assert len(image.layers) == 3 and other.check() == ()
    assert listing(flat(other, image, tmp_path / "out")) == listing(bundle / "rootfs")


@pytest.mark.parametrize("kind", ["oci-archive", "docker-archive", "oci"])
def test_buildah_builds_on_ours_and_we_read_it(store: ImageStore, tmp_path: Path, kind: str) -> None:
    tricky_image(store, tmp_path)
    save(store, ["localhost/tricky:1"], tmp_path / "ours", form="oci")
    places = ("--storage-driver", "vfs", "--root", f"{tmp_path}/root", "--runroot", f"{tmp_path}/run")
    policy = tmp_path / "policy.json"
    policy.write_text('{"default": [{"type": "insecureAcceptAnything"}]}')

    def buildah(*arguments: str) -> str:
        command = [
            arguments[0],
            *(("--signature-policy", str(policy)) if arguments[0] in ("from", "commit") else ()),
        ]
        return run("buildah", *places, *command, *arguments[1:]).strip()

    container = buildah("from", f"oci-archive:{tmp_path}/ours:1")
    mounted = Path(buildah("mount", container))
    (mounted / "dir/inner/file").unlink()
    (mounted / "dir/new").write_text("new")
    buildah("config", "--label", "by=buildah", "--entrypoint", '["/entry"]', container)
    form = "docker" if kind == "docker-archive" else "oci"
    buildah("commit", "--format", form, container, f"{kind}:{tmp_path}/built:built:1")
    other = ImageStore(State.at(tmp_path / "other"))
    (image,) = load(other, tmp_path / "built")
    assert image.config.labels["by"] == "buildah" and image.config.entrypoint == ("/entry",)
    assert other.check() == ()
    assert listing(flat(other, image, tmp_path / "out")) == listing(mounted)
    buildah("rm", container)


def test_an_image_without_layers_is_one(store: ImageStore, tmp_path: Path) -> None:
    image = add_image(store, tmp_path, "empty", layers=0)
    assert image.layers == () and image.root.media_type == OCI_MANIFEST
    save(store, ["empty"], tmp_path / "ours", form="oci")
    assert json.loads(skopeo("inspect", f"oci-archive:{tmp_path}/ours:latest"))["Layers"] in (None, [])
