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


def _instances(meaning: str) -> tuple[tuple[str, str], ...]:
    return tuple(
        (str(count), f"{meaning} {count} idle instance{'s' * (count > 1)}") for count in (1, 2, 4, 8)
    )


_STARTED_AT_ONCE = (1, 2, 4, 8, 16)


def _at_once(meaning: str) -> tuple[tuple[str, str], ...]:
    return tuple((str(count), f"{meaning}, {count} at once") for count in _STARTED_AT_ONCE)


def _beside(meaning: str) -> tuple[tuple[str, str], ...]:
    loads = (("cpu", "CPU"), ("memory", "memory"), ("disk", "disk"))
    return (
        ("alone", f"{meaning}, alone"),
        *((load, f"{meaning}, {word} burnt beside") for load, word in loads),
    )


_LIFE = (
    ("created", "Start call to isolation made"),
    ("first-output", "Start call to first output"),
    ("exit", "Start call to exit"),
    ("removed", "Start call to nothing left"),
)
_UNITS = {"sysbench": "one event of sysbench", "openssl": "one byte hashed", "zstd": "one byte compressed"}
_PROGRAMS = {
    "sysbench": "sysbench cpu, events",
    "openssl": "openssl, SHA-256",
    "zstd": "zstd -3",
}
_PROCESSORS = {"one": "one processor", "all": "all processors"}
_DISK = {
    "random-read": "Random reads of 4 KiB",
    "random-write": "Random writes of 4 KiB",
    "read": "Read in a row",
    "write": "Written in a row",
    "p50": "fsync, median",
    "p99": "fsync, 99th percentile",
    "unpack": "Unpack an archive of 900 files",
    "create": "Create 200 small files",
    "remove": "Remove all of them",
}


def _programs(meaning: str) -> tuple[tuple[str, str], ...]:
    return tuple(
        (f"{name}-{count}", meaning.format(program=program, unit=_UNITS[name], processors=processors))
        for name, program in _PROGRAMS.items()
        for count, processors in _PROCESSORS.items()
    )


def _places(*names: str) -> tuple[tuple[str, str], ...]:
    return tuple(
        (f"{place}-{name}", f"{_DISK[name]}, {place}") for name in names for place in ("root", "volume")
    )


def _application(scenario: str, *kinds: tuple[str, str]) -> tuple[Metric, ...]:
    """The metrics of a server under load, by kinds of requests where there are several."""
    rates = tuple((kind, f"Requests in a second, {words}") for kind, words in kinds)
    times = tuple((kind, f"Time of a request, {words}") for kind, words in kinds)
    return (
        Metric(scenario, "requests", "1/s", "Requests in a second", rates),
        Metric(scenario, "latency", "s", "Time of a request", times),
        Metric(scenario, "host-cpu", "s", "Host CPU time under the load"),
    )


VOCABULARY = (
    Metric(
        "startup",
        "time",
        "s",
        "Time since the start call",
        _LIFE,
    ),
    Metric(
        "startup",
        "first",
        "s",
        "First start of a visit",
        (("first-output", "First start of a visit, call to first output"),),
    ),
    Metric(
        "startup",
        "part",
        "s",
        "Part of a virtual machine's life",
        (
            ("defined", "Its files: call to description"),
            ("process", "libvirt: description to QEMU's process"),
            ("waiting", "QEMU: process to its first answer"),
            ("running", "libvirt: answer to first instruction"),
            ("firmware-done", "Firmware: first instruction to boot loader"),
            ("kernel", "Firmware or loader: until the kernel's first line"),
            ("init", "Kernel, or what was saved: until init runs"),
            ("ready", "init: until ready"),
            ("first-output", "Payload: ready to first output"),
            ("stopping", "Until it was asked to stop"),
            ("powered-off", "Payload and guest: until powered off"),
            ("stopped", "QEMU: until its process ended"),
            ("undefined", "libvirt: until it has forgotten it"),
        ),
    ),
    Metric("startup-cold", "time", "s", "Time since the start call", _LIFE),
    Metric("startup-concurrent", "throughput", "1/s", "Starts in a second", _at_once("Starts in a second")),
    Metric("startup-concurrent", "first-output", "s", "First output", _at_once("Call to first output")),
    Metric("startup-concurrent", "p99", "s", "First output, p99", _at_once("Call to first output, p99")),
    Metric(
        "stop",
        "time",
        "s",
        "Time since the stop call",
        (("stopped", "Stop call to payload ended"), ("removed", "Stop call to nothing left")),
    ),
    Metric("image-size", "files", "B", "Root file system, unpacked"),
    Metric("image-size", "oci-layer", "B", "OCI layer, gzip"),
    Metric("image-size", "raw", "B", "Raw disk image, allocated"),
    Metric("image-size", "qcow2", "B", "qcow2 disk image"),
    Metric("image-size", "vmdk", "B", "VMDK disk image"),
    Metric("image-size", "vdi", "B", "VDI disk image"),
    Metric("image-size", "vhdx", "B", "VHDX disk image"),
    Metric("image-size", "qcow2-compressed", "B", "qcow2 disk image, compressed"),
    Metric("image-size", "virtual", "B", "Disk that the guest sees"),
    Metric("image-size", "oci-layer-zstd", "B", "OCI layer, zstd"),
    Metric("image-size", "second-image", "B", "Added by a second image on the same base"),
    Metric(
        "image-size",
        "instances",
        "B",
        "On disk",
        (("1", "On disk with 1 instance"), ("2", "With 2 instances"), ("10", "With 10 instances")),
    ),
    Metric("image-size", "boot", "B", "Kernel and initramfs"),
    Metric("image-size", "system", "B", "Disk of a whole system, allocated"),
    Metric("cpu", "time", "s", "Wall time of the workload", (("gzip", "Wall time to compress with gzip"),)),
    Metric("cpu", "host-cpu", "s", "Host CPU time for the same work"),
    Metric("cpu-programs", "rate", "1/s", "Work per second", _programs("{program}, {processors}")),
    Metric(
        "cpu-programs",
        "host-cpu",
        "s",
        "Host CPU for a unit of it",
        _programs("Host CPU for {unit}, {processors}"),
    ),
    Metric("cpu-quota", "share", "%", "CPU had under a limit of 50 %"),
    Metric("cpu-quota", "deviation", "%", "Distance from the limit"),
    Metric("memory", "pss", "B", "Proportional set size of an idle instance"),
    Metric("memory", "host-cpu", "s", "Host CPU time of an idle instance since its start"),
    Metric(
        "memory",
        "part",
        "B",
        "Part of an instance's memory",
        (
            ("private", "Its processes' own memory"),
            ("files", "Files its processes have mapped"),
            ("guest-ram", "The guest's memory"),
            ("qemu", "QEMU's own memory"),
            ("kernel", "The host kernel's memory for it"),
        ),
    ),
    Metric("memory", "cgroup", "B", "Memory charged to an idle instance's cgroup"),
    Metric("memory", "total", "B", "Memory of idle instances", _instances("Memory of")),
    Metric("memory", "marginal", "B", "Memory of each further instance"),
    Metric(
        "memory",
        "memavailable",
        "B",
        "MemAvailable lost to idle instances",
        _instances("MemAvailable lost to"),
    ),
    Metric("memory", "slope", "B", "MemAvailable lost to each further instance"),
    Metric("memory", "density", "1", "Idle instances that would fit into the host's memory"),
    Metric(
        "memory-speed",
        "bandwidth",
        "B/s",
        "Memory bandwidth",
        (("copy", "Bandwidth, copied (STREAM)"), ("triad", "Bandwidth, added and scaled (STREAM triad)")),
    ),
    Metric("memory-speed", "random-access", "s", "Latency of a load at random"),
    Metric("memory-speed", "page-faults", "1/s", "Pages taken into use"),
    Metric("memory-limit", "reached", "B", "Memory taken until killed"),
    Metric("memory-limit", "time", "s", "Start to the end of a program that takes all memory"),
    Metric("memory-limit", "host-kills", "bool", "Killed by the host's kernel"),
    Metric("memory-limit", "goes-on", "bool", "The instance goes on"),
    Metric(
        "syscall",
        "time",
        "s",
        "Time in the kernel",
        (
            ("getpid", "A system call: getpid"),
            ("pipe", "A byte through a pipe and back"),
            ("context-switch", "A switch to another process"),
            ("fork-exec", "A new process: fork, exec, exit, wait"),
            ("page-fault", "A page fault"),
            ("timer", "Lateness of a timer of 1 ms"),
        ),
    ),
    Metric("syscall", "clock", "s", "Resolution of the clock inside"),
    Metric("disk", "operations", "1/s", "Operations of 4 KiB", _places("random-read", "random-write")),
    Metric("disk", "bandwidth", "B/s", "Bandwidth", _places("read", "write")),
    Metric("disk", "fsync", "s", "Latency of fsync", _places("p50", "p99")),
    Metric("disk", "files", "s", "Many small files", _places("unpack", "create", "remove")),
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
    Metric(
        "deploy-registry",
        "time",
        "s",
        "Time since deployment began",
        (
            ("prepared", "Registry to prepared"),
            ("created", "Registry to instance created"),
            ("ready", "Registry to first output"),
            ("answered", "Registry to first HTTP 200"),
        ),
    ),
    Metric(
        "replacement",
        "time",
        "s",
        "Time since replacement began",
        (("answered", "Until the new one answers"), ("replaced", "Until the old one is gone")),
    ),
    Metric("replacement", "failed-requests", "1", "Requests that failed meanwhile"),
    Metric("replacement", "slowest-request", "s", "Slowest request meanwhile"),
    Metric(
        "network",
        "latency",
        "s",
        "Request and answer of one byte over TCP",
        (
            ("host-p50", "Host to instance and back, median"),
            ("host-p99", "Host to instance and back, 99th percentile"),
            ("peer-p50", "Instance to instance and back, median"),
            ("peer-p99", "Instance to instance and back, 99th percentile"),
        ),
    ),
    Metric(
        "network",
        "connections",
        "1/s",
        "Connections in a second",
        (
            ("host", "Connections in a second, host to instance"),
            ("peer", "Connections in a second, instance to instance"),
        ),
    ),
    Metric(
        "throughput",
        "received",
        "Mbit/s",
        "Received over one TCP connection",
        (
            ("to-instance", "Host to instance"),
            ("from-instance", "Instance to host"),
            ("between", "Instance to instance"),
        ),
    ),
    *_application("nginx"),
    *_application("redis", ("set", "SET"), ("get", "GET")),
    *_application("postgresql"),
    Metric("own", "time", "s", "Time since the start call", (("ready", "Start call to ready"),)),
    Metric("own", "host-cpu", "s", "Host CPU time under the load"),
    Metric("isolation", "shared-kernel", "bool", "Runs on the host's kernel"),
    Metric("isolation", "leaks", "1", "Things of the host that are seen inside"),
    Metric(
        "isolation",
        "syscalls",
        "1",
        "System calls",
        (
            ("reached", "System calls that reach a kernel"),
            ("refused", "System calls that are refused"),
            ("absent", "System calls that are said not to exist"),
        ),
    ),
    Metric("isolation", "capabilities", "1", "Capabilities of root inside"),
    Metric("neighbour", "p99", "s", "Answer, p99", _beside("p99 of answers")),
    Metric("neighbour", "request", "s", "Answer", _beside("Answers")),
    Metric("hardware", "devices", "1", "Devices emulated for the instance"),
    Metric("hardware", "configuration", "lines", "Lines an operator writes"),
    Metric("hardware", "seen", "1", "Devices the workload sees"),
    Metric("hardware", "drivers", "1", "Drivers with a device"),
    Metric("hardware", "interrupts", "1", "Kinds of interrupts"),
    Metric("portability", "bytes-to-move", "B", "Bytes to move to another host"),
    Metric(
        "move",
        "time",
        "s",
        "Time since saving began",
        (
            ("saved", "Image to archive"),
            ("moved", "Image to archive on the other host"),
            ("prepared", "Image to prepared there"),
            ("started", "Image to first output there"),
        ),
    ),
    Metric("move", "bytes", "B", "Bytes that were moved"),
    Metric("portability", "couplings", "1", "Things the artifact is bound to"),
    Metric(
        "checkpoint",
        "time",
        "s",
        "Time since saving a running instance began",
        (
            ("saved", "Running instance to files"),
            ("moved", "Running instance to files on the other host"),
            ("resumed", "Running instance to going on there"),
        ),
    ),
    Metric("checkpoint", "bytes", "B", "Bytes saved of a running instance"),
)


_NAMED = {(entry.scenario, entry.name): entry for entry in VOCABULARY}


def find(scenario: str, metric: str) -> Metric | None:
    """The entry of that metric, or None for a metric of a newer or local scenario."""
    return _NAMED.get((scenario, metric))


_EXACT = frozenset(
    {
        *((scenario, "") for scenario in ("hardware", "image-size", "isolation", "portability")),
        ("memory-limit", "host-kills"),
        ("memory-limit", "goes-on"),
    }
)
_NEITHER = frozenset(
    {
        ("hardware", "drivers"),
        ("hardware", "interrupts"),
        ("hardware", "seen"),
        ("image-size", "virtual"),
        ("isolation", "shared-kernel"),
    }
)


def is_exact(scenario: str, metric: str) -> bool:
    """Whether it is counted, not timed: the same twice where nothing has changed."""
    return bool({(scenario, ""), (scenario, metric)} & _EXACT)


def is_judged(scenario: str, metric: str) -> bool:
    """Whether more or less of it is better at all."""
    return (scenario, metric) not in _NEITHER
