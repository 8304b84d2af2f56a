"""How long starting, running and removing an instance takes, and what of a machine's life takes it."""

from matplotlib.figure import Figure

from reports.languages import gettext, noop
from reports.registry import Chart, measured, panel
from reports.series import Series, collect
from reports.sheet import sheet
from reports.strip import by_part, strips
from reports.timeline import timeline
from results import Run, Temperature

_PARTS = "part"
_MOMENTS = {
    "created": noop("until created"),
    "first-output": noop("until first output"),
    "exit": noop("until exit"),
    "removed": noop("until removed"),
}


def _draw(run: Run) -> Figure:
    found = measured(run, "startup")
    whole = [panel(run, each) for each in found if each.metric != _PARTS]
    parts = [(each.title, series) for each in found if each.metric == _PARTS for series in collect(run, each)]
    moments = _moments(run)
    title = gettext("From the start call on, by phase: medians")
    return sheet(
        timeline(title, moments) if moments else (),
        strips(whole, 2),
        strips(by_part(gettext("Parts"), parts)),
    )


def _moments(run: Run) -> list[tuple[str, tuple[Series, ...]]]:
    return [
        (gettext(_MOMENTS[each.phase]), collect(run, each))
        for each in measured(run, "startup")
        if each.metric == "time" and each.phase in _MOMENTS and each.temperature is Temperature.WARM
    ]


CHART = Chart(
    scenario="startup",
    order=10,
    title="Startup",
    question="How long from the start call until the instance exists, speaks, has ended and is gone?",
    method=(
        "Each instance starts the same command from the same root file system. All phases count from the "
        "start call on the host's monotonic clock; the first output is the first byte on stdout or on the"
        " serial line. A virtual machine's parts follow each other and add up to the whole."
    ),
    draw=_draw,
    threats=(
        "The page cache is warm. For subjects that are commands, “created” is when the file with the "
        "process id appears; the host's figure counts the exec of chroot(8)."
    ),
)
