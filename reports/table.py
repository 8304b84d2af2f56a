"""The classic comparison of containers and virtual machines, each row with what was measured for it."""

from dataclasses import dataclass
from enum import StrEnum

from reports.series import Series, accelerator_of, lookup, measures
from results import Better, Kind, Run, SubjectInfo
from results.statistics import Estimate
from results.vocabulary import find

_OWN = "own"
_PREFERRED = ("tarebox", "runc", "crun", "docker", "vm-micro", "vm-q35", "vm-restored", "vm-pool")
_NEGLIGIBLE = 0.02


class Verdict(StrEnum):
    """Which side a row speaks for."""

    CONTAINER = "container"
    VM = "VM"
    EVEN = "even"
    DIFFERENT = "different"
    NOT_MEASURED = "not measured"


@dataclass(frozen=True)
class Evidence:
    """One measure of both sides.

    Args:
        title: what was measured.
        container: the container's samples; None when it has none.
        vm: the virtual machine's samples; None when it has none.
        ratio: the virtual machine's median as a multiple of the container's.
    """

    title: str
    container: Series | None
    vm: Series | None
    ratio: Estimate | None


@dataclass(frozen=True)
class Row:
    """One row of the table.

    Args:
        title: the row's head.
        container: what is said of containers.
        vm: what is said of virtual machines.
        gain: how the leading side is praised in a sentence, such as "answers {times} sooner".
        evidence: what was measured; the first is the one the verdict rests on.
        verdict: which side it speaks for.
        reason: why it was not measured; empty when it was.
    """

    title: str
    container: str
    vm: str
    gain: str
    evidence: tuple[Evidence, ...]
    verdict: Verdict
    reason: str = ""

    @property
    def ratio(self) -> Estimate | None:
        """Of the evidence that the verdict rests on."""
        return self.evidence[0].ratio if self.evidence else None


@dataclass(frozen=True)
class Table:
    """The table of one run.

    Args:
        container: the container all rows use; None when there is none.
        vm: the virtual machine all rows use; None when there is none.
        accelerator: "kvm" or "tcg".
        rows: the six rows, after that of a person's own workload.
    """

    container: SubjectInfo | None
    vm: SubjectInfo | None
    accelerator: str | None
    rows: tuple[Row, ...]


@dataclass(frozen=True)
class _Query:
    """Which measure is evidence; an empty metric means that side has nothing of the kind."""

    title: str
    scenario: str
    container_metric: str
    vm_metric: str
    phase: str = ""


def _same(title: str, scenario: str, metric: str, phase: str = "") -> _Query:
    return _Query(title, scenario, metric, metric, phase)


_ROWS = (
    (
        "Operating system",
        "Processes on the host's kernel",
        "A guest system on a kernel of its own",
        "",
        (
            _same("On the host's kernel", "isolation", "shared-kernel"),
            _same("Of the host seen inside", "isolation", "leaks"),
        ),
    ),
    (
        "Storage size",
        "Files and layers, shared between images",
        "A whole disk image and a kernel",
        "takes {times} less storage",
        (
            _Query("Unpacked on disk", "image-size", "files", "raw"),
            _Query("As shipped: layer or qcow2", "image-size", "oci-layer", "qcow2"),
            _same("With ten instances", "image-size", "instances", "10"),
            _same("A second image, same base", "image-size", "second-image"),
            _Query("Kernel and initramfs", "image-size", "", "boot"),
        ),
    ),
    (
        "Run performance",
        "Runs directly on the host's CPU and memory",
        "Runs behind virtual CPUs and memory",
        "finishes the same work {times} sooner",
        (
            _same("Workload, wall time", "cpu", "time", "gzip"),
            _same("Host CPU for it", "cpu", "host-cpu"),
            _same("Memory, idle", "memory", "pss"),
            _same("Memory, each further", "memory", "marginal"),
        ),
    ),
    (
        "Portability",
        "Moves between hosts with the same kernel interface",
        "Moves between hosts with the same hypervisor",
        "has {times} fewer bytes to move",
        (
            _same("To move", "portability", "bytes-to-move"),
            _same("Bound to", "portability", "couplings"),
        ),
    ),
    (
        "Hardware affinity",
        "For developers: the host's own hardware, nothing to configure",
        "For operators: virtual hardware that somebody has to describe",
        "needs {times} fewer lines of configuration",
        (
            _same("Configuration", "hardware", "configuration"),
            _same("Virtual devices", "hardware", "devices"),
        ),
    ),
    (
        "Deployment speed",
        "As fast as a process starts",
        "As fast as a system boots",
        "answers {times} sooner after deployment",
        (
            _same("Image to HTTP 200", "deploy", "time", "answered"),
            _same("Start to first output", "startup", "time", "first-output"),
        ),
    ),
)


def comparison(run: Run) -> Table:
    """The six rows; a row without data for one side says "not measured" and why.

    A person's own workload has a row before them, and stands alone where nothing else was asked.
    """
    container, vm = _representative(run, Kind.CONTAINER), _representative(run, Kind.VM)
    rows = []
    for title, container_text, vm_text, gain, queries in (*_own(run), *_ROWS):
        evidence = tuple(
            found
            for query in queries
            if (found := _evidence(run, container, vm, query)).container is not None or found.vm is not None
        )
        reason = _reason(run, container, vm, queries[0])
        verdict = Verdict.NOT_MEASURED if reason else _verdict(evidence[0])
        rows.append(Row(title, container_text, vm_text, gain, evidence, verdict, reason))
    if {record.scenario for record in run.records} == {_OWN}:
        del rows[1:]
    return Table(container, vm, accelerator_of(run), tuple(rows))


def _own(run: Run) -> list[tuple[str, str, str, str, tuple[_Query, ...]]]:
    """The row of a person's own workload, with the metrics that person named before the others."""
    found = sorted(measures(run, _OWN), key=lambda measure: find(_OWN, measure.metric) is not None)
    queries = tuple(
        _same(measure.title, _OWN, measure.metric, measure.phase)
        for measure in found
        if measure.metric != "failure"
    )
    asked = any(record.scenario == _OWN for record in run.records)
    nothing = _same("Your own metric", _OWN, "")
    return (
        [("Your own workload", "", "", "does {times} better under it", queries or (nothing,))]
        if asked
        else []
    )


def _representative(run: Run, kind: Kind) -> SubjectInfo | None:
    """The subject of that kind all rows use: the first by preference that has samples, else the first."""
    measured = {record.subject for record in run.records if record.samples}
    subjects = [subject for subject in run.subjects if subject.kind is kind and not subject.again]
    return min(
        subjects, key=lambda subject: (subject.name not in measured, _preference(subject)), default=None
    )


def _preference(subject: SubjectInfo) -> int:
    return _PREFERRED.index(subject.name) if subject.name in _PREFERRED else len(_PREFERRED)


def _evidence(run: Run, container: SubjectInfo | None, vm: SubjectInfo | None, query: _Query) -> Evidence:
    left = _measured(run, container, query.scenario, query.container_metric, query.phase)
    right = _measured(run, vm, query.scenario, query.vm_metric, query.phase)
    return Evidence(query.title, left, right, right.ratio_to(left) if left and right else None)


def _measured(run: Run, subject: SubjectInfo | None, scenario: str, metric: str, phase: str) -> Series | None:
    series = lookup(run, subject.name, scenario, metric, phase) if subject and metric else None
    return series if series and series.samples else None


def _reason(run: Run, container: SubjectInfo | None, vm: SubjectInfo | None, query: _Query) -> str:
    """Why one side of a row has no samples; empty when both have some."""
    for subject, metric, kind in (
        (container, query.container_metric, "container"),
        (vm, query.vm_metric, "virtual machine"),
    ):
        if subject is None:
            return f"no {kind} was among the subjects"
        if not subject.available:
            return f"{subject.name} is unavailable: {subject.reason}"
        if _measured(run, subject, query.scenario, metric, query.phase) is None:
            return _why_missing(run, subject, query.scenario)
    return ""


def _why_missing(run: Run, subject: SubjectInfo, scenario: str) -> str:
    failures = [
        record.notes
        for record in run.records
        if not record.valid and (record.subject, record.scenario) == (subject.name, scenario)
    ]
    if failures:
        return f"{subject.name} failed: {'; '.join(dict.fromkeys(failures))}"
    ended = "" if run.complete else " before the run ended"
    return f"{scenario} was not measured for {subject.name}{ended}"


def _verdict(evidence: Evidence) -> Verdict:
    left, right = evidence.container, evidence.vm
    assert left is not None
    assert right is not None
    ratio = evidence.ratio
    if ratio is None:
        same = left.estimate.value == right.estimate.value
        return Verdict.EVEN if same else Verdict.DIFFERENT
    unclear = ratio.low is not None and not ratio.excludes(1)
    if unclear or abs(ratio.value - 1) < _NEGLIGIBLE:
        return Verdict.EVEN
    container_leads = (ratio.value > 1) == (left.measure.better is Better.LOWER)
    return Verdict.CONTAINER if container_leads else Verdict.VM
