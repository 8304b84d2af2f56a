"""The classic comparison of containers and virtual machines, each row with what was measured for it."""

from dataclasses import dataclass
from enum import StrEnum

from reports.languages import gettext, noop
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

    @property
    def words(self) -> str:
        """What the report says of it."""
        return gettext(_VERDICTS[self])


_VERDICTS = {
    Verdict.CONTAINER: noop("container leads"),
    Verdict.VM: noop("VM leads"),
    Verdict.EVEN: noop("even"),
    Verdict.DIFFERENT: noop("different"),
    Verdict.NOT_MEASURED: noop("not measured"),
}


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
        noop("Operating system"),
        noop("Processes on the host's kernel"),
        noop("A guest system on a kernel of its own"),
        "",
        (
            _same(noop("On the host's kernel"), "isolation", "shared-kernel"),
            _same(noop("Of the host seen inside"), "isolation", "leaks"),
        ),
    ),
    (
        noop("Storage size"),
        noop("Files and layers, shared between images"),
        noop("A whole disk image and a kernel"),
        noop("takes {times} less storage"),
        (
            _Query(noop("Unpacked on disk"), "image-size", "files", "raw"),
            _Query(noop("As shipped: layer or qcow2"), "image-size", "oci-layer", "qcow2"),
            _same(noop("With ten instances"), "image-size", "instances", "10"),
            _same(noop("A second image, same base"), "image-size", "second-image"),
            _Query(noop("Kernel and initramfs"), "image-size", "", "boot"),
        ),
    ),
    (
        noop("Run performance"),
        noop("Runs directly on the host's CPU and memory"),
        noop("Runs behind virtual CPUs and memory"),
        noop("finishes the same work {times} sooner"),
        (
            _same(noop("Workload, wall time"), "cpu", "time", "gzip"),
            _same(noop("Host CPU for it"), "cpu", "host-cpu"),
            _same(noop("Memory, idle"), "memory", "pss"),
            _same(noop("Memory, each further"), "memory", "marginal"),
        ),
    ),
    (
        noop("Portability"),
        noop("Moves between hosts with the same kernel interface"),
        noop("Moves between hosts with the same hypervisor"),
        noop("has {times} fewer bytes to move"),
        (
            _same(noop("To move"), "portability", "bytes-to-move"),
            _same(noop("Bound to"), "portability", "couplings"),
        ),
    ),
    (
        noop("Hardware affinity"),
        noop("For developers: the host's own hardware, nothing to configure"),
        noop("For operators: virtual hardware that somebody has to describe"),
        noop("needs {times} fewer lines of configuration"),
        (
            _same(noop("Configuration"), "hardware", "configuration"),
            _same(noop("Virtual devices"), "hardware", "devices"),
        ),
    ),
    (
        noop("Deployment speed"),
        noop("As fast as a process starts"),
        noop("As fast as a system boots"),
        noop("answers {times} sooner after deployment"),
        (
            _same(noop("Image to HTTP 200"), "deploy", "time", "answered"),
            _same(noop("Start to first output"), "startup", "time", "first-output"),
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
        rows.append(
            Row(
                gettext(title),
                gettext(container_text),
                gettext(vm_text),
                gettext(gain),
                evidence,
                verdict,
                reason,
            )
        )
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
    nothing = _same(noop("Your own metric"), _OWN, "")
    title, gain = noop("Your own workload"), noop("does {times} better under it")
    return [(title, "", "", gain, queries or (nothing,))] if asked else []


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
    return Evidence(gettext(query.title), left, right, right.ratio_to(left) if left and right else None)


def _measured(run: Run, subject: SubjectInfo | None, scenario: str, metric: str, phase: str) -> Series | None:
    series = lookup(run, subject.name, scenario, metric, phase) if subject and metric else None
    return series if series and series.samples else None


def _reason(run: Run, container: SubjectInfo | None, vm: SubjectInfo | None, query: _Query) -> str:
    """Why one side of a row has no samples; empty when both have some."""
    for subject, metric, nobody in (
        (container, query.container_metric, noop("no container was among the subjects")),
        (vm, query.vm_metric, noop("no virtual machine was among the subjects")),
    ):
        if subject is None:
            return gettext(nobody)
        if not subject.available:
            return gettext("{subject} is unavailable: {reason}").format(
                subject=subject.name, reason=subject.reason
            )
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
        reason = "; ".join(dict.fromkeys(failures))
        return gettext("{subject} failed: {reason}").format(subject=subject.name, reason=reason)
    told = gettext("{scenario} was not measured for {subject}")
    if not run.complete:
        told = gettext("{scenario} was not measured for {subject} before the run ended")
    return told.format(scenario=scenario, subject=subject.name)


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
