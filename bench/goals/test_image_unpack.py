"""Goal: a layer of Debian is unpacked, verified, in at most 1.2 times what `tar -x` takes, gzip and plain."""

import subprocess
import time
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

from bench.goals.rounds import interleave, verdict
from runtime.image.bootstrap_debian import bootstrap_debian
from runtime.image.store import ImageStore
from runtime.image.unpack import unpack
from runtime.teardown import remove_tree
from tare.state import State

_ROUNDS = 6
_GOAL = 1.2
_INCLUDED = ("git", "python3", "vim")
"""Beside the essential packages, so that it has some 300 MB."""


def test_image_unpack(benchmark: Any, tmp_path: Path) -> None:
    """What mmdebstrap makes of the host's release, to files on the disk that pytest's directories are on.

    Ours as the library, with attributes and the digest of all of it; tar as root does by itself.
    """
    store = ImageStore(State.at(tmp_path / "state"))
    image = bootstrap_debian(store, include=_INCLUDED)
    packed = {"gzip": store.content.path(image.manifest.layers[0].digest), "plain": tmp_path / "layer.tar"}
    with packed["plain"].open("wb") as file:
        subprocess.run(["gzip", "-dc", packed["gzip"]], stdout=file, check=True)
    (diff_id,) = image.config.diff_ids

    def ours(layer: Path, directory: Path) -> None:
        with layer.open("rb", buffering=0) as file:
            unpack(file, directory, diff_id=diff_id)

    def tar(layer: Path, directory: Path) -> None:
        subprocess.run(["tar", "-xf", layer, "-C", directory], check=True)

    def timed(name: str, work: Callable[[Path, Path], None], layer: Path) -> dict[str, float]:
        directory = tmp_path / "unpacked"
        directory.mkdir()
        started = time.monotonic_ns()
        work(layer, directory)
        ended = time.monotonic_ns()
        remove_tree(str(directory))
        return {name: (ended - started) / 1e9}

    runs = {
        f"{program} {kind}": partial(timed, f"{program} {kind}", work, layer)
        for kind, layer in packed.items()
        for program, work in (("ours", ours), ("tar", tar))
    }
    samples = benchmark.pedantic(lambda: interleave(runs, _ROUNDS))
    megabytes = packed["plain"].stat().st_size >> 20
    benchmark.extra_info["MiB"] = megabytes
    for kind in packed:
        found = verdict(benchmark, samples, f"ours {kind}", {f"tar {kind}": _GOAL})
        print(f"\n{megabytes} MiB of Debian: {found}")
