"""How long does a start take: until it exists, gives output, has ended, and has left nothing behind?"""

from collections.abc import Callable
from typing import Any

from bench.recorder import Recorder
from bench.subject import Instance, Prepared, RunSpec, Subject, SubjectError, Unsupported
from tare.errors import TareError

MAIN = ("time", "first-output")


def test_startup(weigh: Callable[..., Any], subject: Subject, prepared: Prepared, recorder: Recorder) -> None:
    spec = RunSpec(prepared, ("echo", "ready"))
    instances: list[Instance] = []
    kept = 0

    def life() -> None:
        instance = subject.start(spec)
        instances.append(instance)
        instance.wait_ready(recorder.profile.limit)
        instance.wait(recorder.profile.limit)
        instance.remove()

    def keep() -> None:
        nonlocal kept
        kept += 1
        instance = instances.pop()
        instance.remove()
        recorder.timelines([instance.timeline])
        first = instance.timeline.seconds().get("first-output")
        if kept == 1 and first is not None:
            # Others were asked before it: that nothing is warm of a start right before is what it is for.
            recorder.add("first", "s", [first], phase="first-output", always=True)

    try:
        weigh(life, teardown=keep, rounds=recorder.rounds)
    except TareError as error:
        if recorder.rounds == 1 or isinstance(error, Unsupported):
            raise
        round_ = f"round {kept + 1} of {recorder.rounds}, the last that was run"
        raise SubjectError(f"{round_}: {error.what}", error.hint) from error
    finally:
        for instance in instances:
            instance.remove()
