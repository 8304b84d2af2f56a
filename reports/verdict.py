"""What the table says, in sentences."""

from collections.abc import Sequence

from reports.languages import gettext, listed, noop
from reports.series import control, marked, measures
from reports.table import Row, Table, Verdict
from reports.units import quantity, times, times_interval
from results import Run
from results.precision import Ended, Precision
from results.statistics import median

EMULATED = noop(
    "The virtual machines were emulated (TCG), not hardware-virtualised: no guest booted with KVM on this "
    "host. Their speed says what emulation costs, not what virtualisation costs."
)

_NAMED = 3
"""Subjects of one scenario that are named; of more their number is told."""

_CHECKS = (
    *(noop("governor"), noop("turbo"), noop("smt"), noop("clock"), noop("heat"), noop("virtualised")),
    *(noop("load"), noop("others"), noop("steal"), noop("swap"), noop("swapping")),
)
"""What is looked at of a host, as the results name it."""


def floor(run: Run) -> str:
    """How far one subject lies from itself, asked again, in one sentence; nothing without this control."""
    again = next((subject.again for subject in run.subjects if subject.again), "")
    found = next((measure for measure in measures(run, "startup") if measure.phase == "first-output"), None)
    estimate = control(run, found) if found else None
    if estimate is None:
        return ""
    within = f" ({interval})" if (interval := times_interval(estimate)) else ""
    ratio = times(estimate.value) + within
    told = gettext("Noise floor: {subject} against itself, asked again, takes {ratio} to first output.")
    return told.format(subject=again, ratio=ratio)


def noise(run: Run) -> str:
    """What disturbed the host of the run in one sentence, or nothing."""
    if not run.noisy:
        return ""
    told = gettext("The host was not quiet ({checks}): intervals are wider than they could be.")
    return told.format(checks=listed([gettext(check) for check in run.noisy]))


def overhead(run: Run) -> str:
    """What the harness adds to a time and how much memory it took, in one sentence; nothing of older runs."""
    harness = run.host.get("harness")
    if not harness:
        return ""
    told = gettext(
        "The harness is {added} of each time (rounds without a subject), and took {memory} of memory."
    ).format(added=quantity(median(harness["overhead"]).value, "s"), memory=quantity(harness["memory"], "B"))
    if "pinning" not in run.host:
        return told
    pinned = gettext("CPUs: {pinning}.").format(pinning=run.host["pinning"])
    return f"{told} {pinned}"


def precision(run: Run) -> str:
    """Which medians of main metrics are less certain than was wanted, and why; nothing without a target."""
    if not run.precision:
        return ""
    target = f"\N{PLUS-MINUS SIGN}{run.precision[0].target:.0%}"
    wider = [each for each in run.precision if each.ended is not Ended.TARGET]
    if not wider:
        return gettext("The median of every scenario's main metric is known within {target}.").format(
            target=target
        )
    groups = _grouped(wider)
    certain = [_told(scenario, found) for scenario, found in groups.items() if _widths(found)]
    few = [scenario for scenario, found in groups.items() if not _widths(found)]
    sentences = []
    if certain:
        told = gettext("Less certain than {target}: {metrics}.")
        sentences.append(told.format(target=target, metrics=listed(certain)))
    if few:
        told = gettext("Too few samples for an interval: {scenarios}.")
        sentences.append(told.format(scenarios=listed(few)))
    return " ".join(sentences)


def _grouped(wider: Sequence[Precision]) -> dict[str, list[Precision]]:
    groups: dict[str, list[Precision]] = {}
    for each in wider:
        groups.setdefault(each.scenario, []).append(each)
    return groups


def _widths(found: Sequence[Precision]) -> list[float]:
    return sorted(each.interval for each in found if each.interval is not None)


def _told(scenario: str, found: Sequence[Precision]) -> str:
    subjects = listed([each.subject for each in found])
    if len(found) > _NAMED:
        subjects = gettext("{count} subjects").format(count=len(found))
    widths = _widths(found)
    low, high = (f"\N{PLUS-MINUS SIGN}{width:.1%}" for width in (widths[0], widths[-1]))
    ends = dict.fromkeys(gettext(_ENDED[each.ended]) for each in found)
    return gettext("{scenario} of {subjects} ({width}, {ended})").format(
        scenario=scenario,
        subjects=subjects,
        width=low if low == high else gettext("{low} to {high}").format(low=low, high=high),
        ended=listed(list(ends)),
    )


_ENDED = {
    Ended.TARGET: noop("target reached"),
    Ended.BUDGET: noop("time budget used"),
    Ended.PASSES: noop("no more passes planned"),
    Ended.FAILED: noop("a round failed"),
}


def sentence(table: Table) -> str:
    """The table in one or two sentences."""
    if table.container is None or table.vm is None:
        return gettext(
            "There is no comparison: the run needs a container and a virtual machine among its subjects."
        )
    names = {
        Verdict.CONTAINER: table.container.name,
        Verdict.VM: marked(table.vm.name, table.accelerator),
    }
    sentences = []
    for side, other in ((Verdict.CONTAINER, Verdict.VM), (Verdict.VM, Verdict.CONTAINER)):
        gains = [_gain(row) for row in table.rows if row.verdict is side]
        if gains:
            told = gettext("Against {other}, {leader} {gains}.")
            sentences.append(told.format(other=names[other], leader=names[side], gains=listed(gains)))
    even = [row.title.lower() for row in table.rows if row.verdict is Verdict.EVEN]
    if even:
        sentences.append(gettext("No clear difference in {aspects}.").format(aspects=listed(even)))
    return " ".join(sentences) or gettext("Nothing was measured for both sides.")


def _gain(row: Row) -> str:
    assert row.ratio is not None
    value = row.ratio.value
    if not value:
        return row.gain.format(times=gettext("infinitely"))
    return row.gain.format(times=times(value if value >= 1 else 1 / value))
