"""What does isolation cost a program that computes: gzip -9 of the busybox program, over and over?"""

from collections.abc import Callable
from contextlib import ExitStack
from typing import Any

from bench.recorder import Recorder
from bench.scope import running
from bench.subject import Footprint, Instance, Prepared, RunSpec, Subject

MAIN = ("time", "gzip")

_TIMEOUT = 600.0
_LOOP = """
echo begin
i=0; while [ $i -lt {work} ]; do gzip -9 -c /bin/busybox > /dev/null; i=$((i+1)); done
echo end
sleep 600
"""


def test_cpu(weigh: Callable[..., Any], subject: Subject, prepared: Prepared, recorder: Recorder) -> None:
    spec = RunSpec(prepared, ("sh", "-c", _LOOP.format(work=recorder.profile.work)))
    ended: list[int] = []

    def work(instance: Instance, _: Footprint) -> None:
        ended.append(instance.wait_output(b"end", _TIMEOUT))

    def keep(instance: Instance, before: Footprint) -> None:
        after = instance.footprint()
        begun = instance.timeline.first_output
        assert begun is not None
        recorder.add("time", "s", [(ended.pop() - begun) / 1e9], phase="gzip")
        recorder.add("host-cpu", "s", [after.cpu - before.cpu], phase="gzip")
        stack.close()

    def begin() -> tuple[tuple[Instance, Footprint], dict[str, Any]]:
        instance = stack.enter_context(running(subject, spec))
        return (instance, instance.footprint()), {}

    with ExitStack() as stack:
        weigh(work, setup=begin, teardown=keep, rounds=recorder.rounds)
