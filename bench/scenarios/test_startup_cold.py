"""How long does a start take when nothing of it is in the host's page cache, and how long right after?"""

import os
from dataclasses import replace
from pathlib import Path

from bench.recorder import Recorder
from bench.scope import running
from bench.subject import Prepared, RunSpec, Subject, Timeline, Unsupported
from results import Temperature

_DROP = Path("/proc/sys/vm/drop_caches")
_EVERYTHING = "3"
_NOTE = "page cache, dentries and inodes were dropped before (/proc/sys/vm/drop_caches)"


def test_startup_cold(subject: Subject, prepared: Prepared, recorder: Recorder) -> None:
    spec = RunSpec(prepared, ("echo", "ready"))
    # Whatever runs once per harness, such as a daemon's start, is no part of either.
    _life(subject, spec, recorder.profile.limit)
    for _ in range(recorder.rounds):
        _drop_caches()
        recorder.timelines([_life(subject, spec, recorder.profile.limit)], Temperature.COLD, _NOTE)
        recorder.timelines([_life(subject, spec, recorder.profile.limit)])


def _drop_caches() -> None:
    """Write back and forget all that is cached; proc_sys_vm(5). Raises: Unsupported for who may not."""
    os.sync()
    try:
        _DROP.write_text(_EVERYTHING)
    except OSError as error:
        raise Unsupported(f"the host's caches can't be dropped: {error.strerror}") from error


def _life(subject: Subject, spec: RunSpec, limit: float) -> Timeline:
    with running(subject, spec, limit) as instance:
        instance.wait(limit)
    return replace(instance.timeline, parts={})
