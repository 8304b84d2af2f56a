"""What do the kernel's shortest paths cost a program: calls, faults, new processes, switches and timers?"""

from bench.payload_samples import IDLE, samples
from bench.recorder import Recorder
from bench.scope import running
from bench.subject import Prepared, RunSpec, Subject


def test_syscall(subject: Subject, payload: Prepared, recorder: Recorder) -> None:
    with running(subject, RunSpec(payload, IDLE)) as instance:
        found = samples(instance, "scheduling", recorder.samples)
    recorder.add("clock", "s", found.pop("clock"))
    for name, each in found.items():
        recorder.add("time", "s", each, phase=name)
