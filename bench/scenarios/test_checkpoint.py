"""Can a running instance be saved and go on where nothing of it is known, by how many bytes and how fast?"""

import time
from collections.abc import Callable
from contextlib import AbstractContextManager
from pathlib import Path

from bench.moving import send
from bench.recorder import Recorder
from bench.scope import running
from bench.subject import Image, Instance, Prepared, Resumes, RunSpec, Subject, SubjectError

_IDLE = ("sh", "-c", "echo ready; exec sleep 100000")
_IDENTITY = ("cat", "/proc/sys/kernel/random/boot_id")
_TIMEOUT = 60.0


def test_checkpoint(
    elsewhere: Callable[[], AbstractContextManager[tuple[Subject, Path]]],
    subject: Subject,
    image: Image,
    prepared: Prepared,
    recorder: Recorder,
) -> None:
    with elsewhere() as (there, beside):
        saved = beside / "saved"
        saved.mkdir()
        with running(subject, RunSpec(prepared, _IDLE), recorder.profile.limit) as instance:
            identity = _asked(instance)
            begun = time.monotonic_ns()
            instance.save(saved)
            took = {"saved": time.monotonic_ns() - begun}
        sizes = {path.name: path.stat().st_size for path in sorted(saved.rglob("*")) if path.is_file()}
        notes = ", ".join(f"{name} {size}" for name, size in sizes.items())
        recorder.add("bytes", "B", [sum(sizes.values())], notes=notes)
        if isinstance(there, Resumes):
            took |= _gone_on(there, there.prepare(image), saved, identity, recorder.profile.limit)
    total = 0
    for phase, nanoseconds in took.items():
        total += nanoseconds
        recorder.add("time", "s", [total / 1e9], phase=phase)


def _gone_on(
    there: Resumes, prepared: Prepared, saved: Path, identity: bytes, limit: float
) -> dict[str, int]:
    """Nanoseconds to send what was saved, and to go on from it there."""
    arrived = saved.with_name("arrived")
    arrived.mkdir()
    begun = time.monotonic_ns()
    for path in saved.iterdir():
        send(path, arrived / path.name)
    moved = time.monotonic_ns()
    instance = there.resume(RunSpec(prepared, _IDLE), arrived)
    try:
        ready = instance.wait_ready(limit).first_output
        if not identity or _asked(instance) != identity:
            raise SubjectError("what goes on is not what was saved: another kernel runs in it")
    finally:
        instance.remove()
    assert ready is not None
    return {"moved": moved - begun, "resumed": ready - moved}


def _asked(instance: Instance) -> bytes:
    """What stays the same as long as the kernel inside runs (random(4)); nothing without a proc(5)."""
    return instance.exec(_IDENTITY, timeout=_TIMEOUT).stdout
