"""The metrics of each scenario: what the harness emits and the reports know how to name.

A scenario or metric that is not here is still stored, estimated and drawn, under its own name.
"""

from dataclasses import dataclass


@dataclass(frozen=True)
class Metric:
    """What one metric of a scenario means.

    Args:
        scenario: the scenario's name.
        name: the metric's name.
        unit: unit of its samples.
        meaning: what it measures, as a phrase that can head a chart.
        phases: the phases it has, in order, each with its meaning; empty when it has none.
    """

    scenario: str
    name: str
    unit: str
    meaning: str
    phases: tuple[tuple[str, str], ...] = ()


_INSTANCES = tuple(
    (str(count), f"MemAvailable lost to {count} idle instance{'s' * (count > 1)}") for count in (1, 2, 4, 8)
)

VOCABULARY = (
    Metric(
        "startup",
        "time",
        "s",
        "Time since the start call",
        (
            ("created", "Start call to isolation made"),
            ("first-output", "Start call to first output"),
            ("exit", "Start call to exit"),
            ("removed", "Start call to nothing left"),
        ),
    ),
    Metric("image-size", "files", "B", "Root file system, unpacked"),
    Metric("image-size", "oci-layer", "B", "OCI layer, gzip"),
    Metric("image-size", "raw", "B", "Raw disk image, allocated"),
    Metric("image-size", "qcow2", "B", "qcow2 disk image"),
    Metric("image-size", "vmdk", "B", "VMDK disk image"),
    Metric("image-size", "vdi", "B", "VDI disk image"),
    Metric("image-size", "boot", "B", "Kernel and initramfs"),
    Metric("cpu", "time", "s", "Wall time of the workload", (("gzip", "Wall time to compress with gzip"),)),
    Metric("cpu", "host-cpu", "s", "Host CPU time for the same work"),
    Metric("memory", "pss", "B", "Proportional set size of an idle instance"),
    Metric("memory", "cgroup", "B", "Memory charged to an idle instance's cgroup"),
    Metric("memory", "memavailable", "B", "MemAvailable lost to idle instances", _INSTANCES),
    Metric("memory", "slope", "B", "MemAvailable lost to each further instance"),
    Metric(
        "deploy",
        "time",
        "s",
        "Time since deployment began",
        (
            ("prepared", "Image to prepared"),
            ("created", "Image to instance created"),
            ("answered", "Image to first HTTP 200"),
        ),
    ),
    Metric("isolation", "shared-kernel", "bool", "Runs on the host's kernel"),
    Metric("hardware", "devices", "1", "Devices emulated for the instance"),
    Metric("hardware", "configuration", "lines", "Lines an operator writes"),
    Metric("portability", "bytes-to-move", "B", "Bytes to move to another host"),
    Metric("portability", "couplings", "1", "Things the artifact is bound to"),
)


def find(scenario: str, metric: str) -> Metric | None:
    """The entry of that metric, or None for a metric of a newer or local scenario."""
    return next((entry for entry in VOCABULARY if (entry.scenario, entry.name) == (scenario, metric)), None)
