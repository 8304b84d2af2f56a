"""How long does it take to save an image, move it, and start it where nothing of it is known?"""

import time
from collections.abc import Callable
from contextlib import AbstractContextManager
from dataclasses import replace
from pathlib import Path

from bench.moving import save, send, unpack
from bench.recorder import Recorder
from bench.scope import running
from bench.subject import Image, RunSpec, Subject


def test_move(
    elsewhere: Callable[[], AbstractContextManager[tuple[Subject, Path]]], image: Image, recorder: Recorder
) -> None:
    with elsewhere() as (there, beside):
        archive, arrived, rootfs = beside / "image.tar.gz", beside / "arrived.tar.gz", beside / "rootfs"
        begun = time.monotonic_ns()
        save(image.rootfs, archive)
        saved = time.monotonic_ns()
        send(archive, arrived)
        moved = time.monotonic_ns()
        unpack(arrived, rootfs)
        prepared = there.prepare(replace(image, rootfs=rootfs, stored=None))
        ready = time.monotonic_ns()
        with running(there, RunSpec(prepared, ("echo", "ready")), recorder.profile.limit) as instance:
            started = instance.timeline.first_output
        size = archive.stat().st_size
    assert started is not None
    recorder.add("bytes", "B", [size])
    for phase, at in (("saved", saved), ("moved", moved), ("prepared", ready), ("started", started)):
        recorder.add("time", "s", [(at - begun) / 1e9], phase=phase)
