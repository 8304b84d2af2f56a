"""How long starting, running and removing an instance takes, and what of a machine's life takes it."""

import matplotlib as mpl
from matplotlib.figure import Figure

from reports.languages import gettext, noop
from reports.paint import style
from reports.registry import Chart, measured, panel
from reports.series import Series, collect
from reports.strip import by_part, sheet
from reports.timeline import draw_timeline, timeline_height
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
    with mpl.rc_context(style()):
        drawn, above = sheet(
            [(whole, 2), (by_part(gettext("Parts"), parts), 1)],
            above=[timeline_height(moments)] if moments else [],
        )
        for axes in above:
            draw_timeline(axes, gettext("From the start call on, by phase: medians"), moments)
        return drawn


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
