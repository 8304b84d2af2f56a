"""How long starting, running and removing an instance takes, and what of a machine's life takes it."""

import matplotlib as mpl
from matplotlib.figure import Figure

from reports.registry import Chart, measured
from reports.series import collect
from reports.strip import by_part, by_subject, sheet
from reports.svg import STYLE
from results import Run

_PARTS = "part"


def _draw(run: Run) -> Figure:
    found = measured(run, "startup")
    whole = [by_subject(each.title, collect(run, each)) for each in found if each.metric != _PARTS]
    parts = [(each.title, series) for each in found if each.metric == _PARTS for series in collect(run, each)]
    with mpl.rc_context(STYLE):
        drawn, _ = sheet([(whole, 2), (by_part("Parts", parts), 1)])
        return drawn


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
)
