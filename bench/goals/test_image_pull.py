"""Goal: an image of five layers comes from a registry on loopback in at most 1.3 times skopeo's time."""

import gzip
import io
import random
import shutil
import socket
import subprocess
import sys
import tarfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from typing import Any

from bench.goals.rounds import interleave, verdict
from runtime.image.config import ImageConfig
from runtime.image.content import Content
from runtime.image.digest import digest_of
from runtime.image.model import OCI_CONFIG, OCI_LAYER, OCI_MANIFEST, Descriptor, Manifest
from runtime.image.platform import Platform
from runtime.image.registry import Session
from runtime.image.registry_config import Registries
from runtime.image.transfer import pull, push

_ROUNDS = 10
_LAYERS = (1 << 20, 8 << 20, 64 << 20, 16 << 20, 4 << 20)
_GOALS = {"skopeo to a layout": 1.3, "skopeo to a directory": 1.3}
_SECONDS = 20
_PROGRAM = """\
import sys
from pathlib import Path
from runtime.image.content import Content
from runtime.image.registry import Session
from runtime.image.registry_config import Registries
from runtime.image.transfer import pull
with Session(Registries()) as session:
    pull(session, sys.argv[1], "layers", "five", Content(Path(sys.argv[2])))
"""


def test_image_pull(benchmark: Any, tmp_path: Path) -> None:
    """Manifest, configuration and layers to verified files; nobody unpacks them.

    Ours as the library, in a process that is there already, and as a program of its own, as skopeo's is.
    """
    with _registry(tmp_path) as host, Session(Registries()) as session:
        source = Content(tmp_path / "source")
        push(session, host, "layers", "five", _image(source), source)
        reference = f"docker://{host}/layers:five"
        runs = {
            "library": lambda: {"library": _timed(lambda: _pull(host, tmp_path / "content"))},
            "program": lambda: {"program": _timed(lambda: _pull_alone(host, tmp_path / "content"))},
            "layout": lambda: {"skopeo to a layout": _timed(lambda: _copy(reference, "oci", tmp_path))},
            "directory": lambda: {"skopeo to a directory": _timed(lambda: _copy(reference, "dir", tmp_path))},
        }

        def anew(run: Callable[[], dict[str, float]]) -> dict[str, float]:
            for left in ("content", "oci", "dir"):
                shutil.rmtree(tmp_path / left, ignore_errors=True)
            return run()

        samples = benchmark.pedantic(
            lambda: interleave({name: partial(anew, run) for name, run in runs.items()}, _ROUNDS)
        )
    benchmark.extra_info["seconds"] = samples
    for ours in ("library", "program"):
        print(f"\nfive layers of {sum(_LAYERS) >> 20} MiB: {verdict(benchmark, samples, ours, _GOALS)}")


def _pull(host: str, directory: Path) -> None:
    with Session(Registries()) as session:
        pull(session, host, "layers", "five", Content(directory))


def _pull_alone(host: str, directory: Path) -> None:
    subprocess.run([sys.executable, "-I", "-c", _PROGRAM, host, directory], check=True)


def _copy(reference: str, kind: str, directory: Path) -> None:
    target = f"{kind}:{directory / kind}{':five' if kind == 'oci' else ''}"
    command = ["skopeo", "--insecure-policy", "copy", "--quiet", "--src-tls-verify=false", reference, target]
    subprocess.run(command, check=True)


def _timed(run: Callable[[], None]) -> float:
    started = time.monotonic_ns()
    run()
    return (time.monotonic_ns() - started) / 1e9


def _image(content: Content) -> Descriptor:
    chance, layers, diff_ids = random.Random(1), [], []
    for number, size in enumerate(_LAYERS):
        archive = io.BytesIO()
        with tarfile.open(fileobj=archive, mode="w") as tar:
            member = tarfile.TarInfo(f"file{number}")
            member.size = size
            tar.addfile(member, io.BytesIO(chance.randbytes(size)))
        diff_ids.append(digest_of(archive.getvalue()))
        layers.append(content.put(gzip.compress(archive.getvalue(), 0, mtime=0), f"{OCI_LAYER}+gzip"))
    config = ImageConfig(Platform.host().architecture, diff_ids=tuple(diff_ids)).serialise()
    return content.put(Manifest(content.put(config, OCI_CONFIG), tuple(layers)).serialise(), OCI_MANIFEST)


@contextmanager
def _registry(directory: Path) -> Iterator[str]:
    """Debian's docker-registry on a loopback port; gives host and port."""
    with socket.socket() as found:
        found.bind(("127.0.0.1", 0))
        port = int(found.getsockname()[1])
    config = directory / "registry.yml"
    config.write_text(
        f"version: 0.1\nstorage: {{filesystem: {{rootdirectory: {directory}/registry}}}}\n"
        f'http: {{addr: "127.0.0.1:{port}"}}\n'
    )
    with (directory / "log").open("wb") as log:
        server = subprocess.Popen(["docker-registry", "serve", config], stdout=log, stderr=log)
    try:
        deadline = time.monotonic() + _SECONDS
        while not _answers(port):
            assert server.poll() is None, (directory / "log").read_text()
            assert time.monotonic() < deadline, "the registry does not answer"
            time.sleep(0.02)
        yield f"127.0.0.1:{port}"
    finally:
        server.kill()
        server.wait()


def _answers(port: int) -> bool:
    with socket.socket() as asked:
        return asked.connect_ex(("127.0.0.1", port)) == 0
