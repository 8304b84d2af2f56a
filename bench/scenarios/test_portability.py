"""What has to be moved to run the image on another host, and what is that bound to?"""

import shutil

from bench.recorder import Recorder
from bench.subject import Prepared, RunSpec, Subject
from results import Kind


def test_portability(subject: Subject, prepared: Prepared, recorder: Recorder) -> None:
    makeup = subject.makeup(RunSpec(prepared, ("true",)))
    if makeup.artifacts:
        size = sum(size for _, size in makeup.artifacts)
        recorder.add("bytes-to-move", "B", [size], notes=", ".join(name for name, _ in makeup.artifacts))
    facts = {**makeup.couplings, "running state": _running_state(subject.kind)}
    recorder.add("couplings", "1", [len(makeup.couplings)], facts=facts)


def _running_state(kind: Kind) -> str:
    """Whether one that runs can be saved and go on elsewhere."""
    if kind is Kind.VM:
        return "saved to a file by QEMU, as vm-restored starts from"
    return "needs criu, which is installed" if shutil.which("criu") else "needs criu, which is not installed"
