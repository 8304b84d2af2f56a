"""How much hardware does the workload see, and how much does the operator have to configure?"""

from bench.recorder import Recorder
from bench.scope import running
from bench.subject import Prepared, RunSpec, Subject

_IDLE = ("sh", "-c", "echo ready; exec sleep 100000")
_VIRTUAL_HARDWARE = "for b in pci virtio platform serio acpi; do ls /sys/bus/$b/devices 2>/dev/null; done"


def test_hardware(subject: Subject, prepared: Prepared, recorder: Recorder) -> None:
    spec = RunSpec(prepared, _IDLE)
    with running(subject, spec) as instance:
        seen = instance.exec(("sh", "-c", _VIRTUAL_HARDWARE), timeout=30)
        makeup = subject.makeup(spec)
    devices = seen.stdout.decode().split()
    recorder.add("devices", "1", [len(devices)], notes=", ".join(devices[:40]))
    recorder.add("configuration", "lines", [len(makeup.configuration.strip().splitlines())])
