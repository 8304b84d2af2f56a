"""How much hardware is emulated for an instance, and how much is written to configure it?"""

from bench.recorder import Recorder
from bench.subject import Prepared, RunSpec, Subject


def test_hardware(subject: Subject, prepared: Prepared, recorder: Recorder) -> None:
    makeup = subject.makeup(RunSpec(prepared, ("sleep", "100000"), network=True))
    recorder.add("devices", "1", [len(makeup.devices)], notes=", ".join(makeup.devices))
    recorder.add("configuration", "lines", [len(makeup.configuration.strip().splitlines())])
