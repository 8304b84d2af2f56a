"""What has to be moved to run the image on another host, and what is that bound to?"""

from bench.recorder import Recorder
from bench.subject import Prepared, RunSpec, Subject


def test_portability(subject: Subject, prepared: Prepared, recorder: Recorder) -> None:
    makeup = subject.makeup(RunSpec(prepared, ("true",)))
    if makeup.artifacts:
        size = sum(size for _, size in makeup.artifacts)
        recorder.add("bytes-to-move", "B", [size], notes=", ".join(name for name, _ in makeup.artifacts))
    recorder.add("couplings", "1", [len(makeup.couplings)], facts=makeup.couplings)
