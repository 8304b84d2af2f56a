"""How fast is memory inside: in a row, at random, and when it is first used?"""

from bench.payload_samples import IDLE, samples
from bench.recorder import Recorder
from bench.scope import running
from bench.subject import Prepared, RunSpec, Subject
from results import Better

MAIN = ("random-access", "")


def test_memory_speed(subject: Subject, payload: Prepared, recorder: Recorder) -> None:
    with running(subject, RunSpec(payload, IDLE)) as instance:
        found = samples(instance, "memory", recorder.samples)
    for name in ("copy", "triad"):
        recorder.add("bandwidth", "B/s", found[name], phase=name, better=Better.HIGHER)
    recorder.add("random-access", "s", found["random-access"])
    recorder.add("page-faults", "1/s", found["page-faults"], better=Better.HIGHER)
