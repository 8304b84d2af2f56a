"""What the table says, in sentences."""

from reports.series import control, marked, measures
from reports.table import Row, Table, Verdict
from reports.units import quantity, times, times_interval
from results import Run
from results.precision import Ended, Precision
from results.statistics import median

EMULATED = (
    "The virtual machines were emulated (TCG), not hardware-virtualised: no guest booted with KVM on this "
    "host. Their speed says what emulation costs, not what virtualisation costs."
)


def floor(run: Run) -> str:
    """How far one subject lies from itself, asked again, in one sentence; nothing without this control."""
    again = next((subject.again for subject in run.subjects if subject.again), "")
    found = next((measure for measure in measures(run, "startup") if measure.phase == "first-output"), None)
    estimate = control(run, found) if found else None
    if estimate is None:
        return ""
    within = f" ({interval})" if (interval := times_interval(estimate)) else ""
    ratio = times(estimate.value) + within
    return f"Noise floor: {again} against itself, asked again, takes {ratio} to first output."


def noise(run: Run) -> str:
    """What disturbed the host of the run in one sentence, or nothing."""
    if not run.noisy:
        return ""
    return f"The host was not quiet ({_listed(list(run.noisy))}): intervals are wider than they could be."


def overhead(run: Run) -> str:
    """What the harness adds to a time and how much memory it took, in one sentence; nothing of older runs."""
    harness = run.host.get("harness")
    if not harness:
        return ""
    added, memory = quantity(median(harness["overhead"]).value, "s"), quantity(harness["memory"], "B")
    told = f"The harness is {added} of each time (rounds without a subject), and took {memory} of memory."
    return f"{told} CPUs: {run.host['pinning']}." if "pinning" in run.host else told


def precision(run: Run) -> str:
    """Which medians of main metrics are less certain than was wanted, and why; nothing without a target."""
    if not run.precision:
        return ""
    target = f"\N{PLUS-MINUS SIGN}{run.precision[0].target:.0%}"
    wider = [each for each in run.precision if each.ended is not Ended.TARGET]
    if not wider:
        return f"The median of every scenario's main metric is known within {target}."
    return f"Less certain than {target}: {_listed([_told(each) for each in wider])}."


def _told(found: Precision) -> str:
    width = "too few samples" if found.interval is None else f"\N{PLUS-MINUS SIGN}{found.interval:.1%}"
    return f"{found.scenario} of {found.subject} ({width}, {_ENDED[found.ended]})"


_ENDED = {
    Ended.TARGET: "target reached",
    Ended.BUDGET: "time budget used",
    Ended.PASSES: "no more passes planned",
    Ended.FAILED: "a round failed",
}


def sentence(table: Table) -> str:
    """The table in one or two sentences."""
    if table.container is None or table.vm is None:
        return "There is no comparison: the run needs a container and a virtual machine among its subjects."
    names = {
        Verdict.CONTAINER: table.container.name,
        Verdict.VM: marked(table.vm.name, table.accelerator),
    }
    sentences = []
    for side, other in ((Verdict.CONTAINER, Verdict.VM), (Verdict.VM, Verdict.CONTAINER)):
        gains = [_gain(row) for row in table.rows if row.verdict is side]
        if gains:
            sentences.append(f"Against {names[other]}, {names[side]} {_listed(gains)}.")
    even = [row.title.lower() for row in table.rows if row.verdict is Verdict.EVEN]
    if even:
        sentences.append(f"No clear difference in {_listed(even)}.")
    return " ".join(sentences) or "Nothing was measured for both sides."


def _gain(row: Row) -> str:
    assert row.ratio is not None
    value = row.ratio.value
    return row.gain.format(times=times(value if value >= 1 else 1 / value) if value else "infinitely")


def _listed(parts: list[str]) -> str:
    return parts[0] if len(parts) == 1 else f"{', '.join(parts[:-1])} and {parts[-1]}"
