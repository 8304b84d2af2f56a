"""How exactly does a limit of half a processor hold for a program that would use all of one?"""

from bench.payload_samples import IDLE, samples
from bench.recorder import Recorder
from bench.scope import running
from bench.subject import Prepared, RunSpec, Subject
from results import Better

QUOTA = 0.5
_FEWER = 4
"""A sample takes half a second, many times what others take."""


def test_cpu_quota(subject: Subject, payload: Prepared, recorder: Recorder) -> None:
    with running(subject, RunSpec(payload, IDLE, cpus=QUOTA)) as instance:
        shares = samples(instance, "spin", max(1, recorder.samples // _FEWER))["share"]
    recorder.add("share", "%", [100 * share for share in shares], better=Better.HIGHER)
    recorder.add("deviation", "%", [100 * abs(share - QUOTA) / QUOTA for share in shares])
