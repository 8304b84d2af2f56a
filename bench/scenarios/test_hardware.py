"""How much hardware is made for an instance and written down for it, and what does its workload see?"""

from contextlib import ExitStack

from bench import hardware
from bench.questions import ask
from bench.recorder import Recorder
from bench.scope import running
from bench.subject import Prepared, RunSpec, Subject
from results import Kind

_IDLE = ("sh", "-c", "echo ready; exec sleep 100000")


def test_hardware(subject: Subject, prepared: Prepared, recorder: Recorder) -> None:
    makeup = subject.makeup(RunSpec(prepared, ("sleep", "100000"), network=True))
    recorder.add("devices", "1", [len(makeup.devices)], notes=", ".join(makeup.devices))
    recorder.add("configuration", "lines", [len(makeup.configuration.strip().splitlines())])
    with ExitStack() as stack:
        # A bare process sees what the host sees; its chroot has neither proc nor sysfs.
        where = None
        if subject.kind is not Kind.HOST:
            where = stack.enter_context(running(subject, RunSpec(prepared, _IDLE), recorder.profile.limit))
        seen = hardware.seen(ask(where, hardware.QUESTIONS))
    recorder.add("seen", "1", [sum(seen.devices.values())], facts=seen.facts)
    recorder.add("drivers", "1", [len(seen.drivers)])
    recorder.add("interrupts", "1", [seen.interrupts])
