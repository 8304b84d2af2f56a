"""Goal: a driver that copies makes a tree of many small files in 1.5 of the time of `cp -a`."""

import os
import subprocess
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from bench.goals.rounds import interleave, verdict
from runtime import teardown
from runtime.storage import tree
from runtime.storage.store import opened

_ROUNDS = 5
_DIRECTORIES, _FILES, _SIZE = 40, 50, 12_000


def test_storage_copies(benchmark: Any, tmp_path: Path) -> None:
    """Copy the same tree in random order a round, on the same filesystem."""
    source, target = tmp_path / "source", tmp_path / "target"
    for directory in range(_DIRECTORIES):
        (source / str(directory)).mkdir(parents=True)
        for file in range(_FILES):
            (source / str(directory) / str(file)).write_bytes(os.urandom(_SIZE))

    def ours() -> Mapping[str, float]:
        started = time.monotonic_ns()
        target.mkdir()
        with opened(source) as reading, opened(target) as writing:
            tree.copy(reading, writing)
        return _ended("ours", started)

    def theirs() -> Mapping[str, float]:
        started = time.monotonic_ns()
        subprocess.run(["cp", "-a", str(source), str(target)], check=True)
        return _ended("cp", started)

    def _ended(name: str, started: int) -> Mapping[str, float]:
        seconds = (time.monotonic_ns() - started) / 1e9
        teardown.remove_tree(str(target))
        return {name: seconds}

    samples = benchmark.pedantic(lambda: interleave({"ours": ours, "cp": theirs}, _ROUNDS))
    print(f"\ncopy of {_DIRECTORIES * _FILES} files: {verdict(benchmark, samples, 'ours', {'cp': 1.5})}")
