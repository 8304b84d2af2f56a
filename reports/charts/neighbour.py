"""What a noisy neighbour does to a service."""

from matplotlib.figure import Figure

from reports.registry import Chart, measured, panel
from reports.strip import figure
from results import Run


def _draw(run: Run) -> Figure:
    found = [measure for measure in measured(run, "neighbour") if measure.metric == "p99"]
    return figure([panel(run, measure) for measure in found], columns=2)


CHART = Chart(
    scenario="neighbour",
    order=85,
    title="Noisy neighbour",
    question="How long do the slowest answers take while a neighbour burns CPU, memory or disk?",
    method=(
        "A service is asked every 5 ms whether or not it has answered, reads 64 KiB and writes 4 KiB to its "
        "disk. Beside it another instance of the same kind keeps all processors busy."
    ),
    draw=_draw,
    threats=(
        "The neighbour may use all processors, the victim one. A machine's answers are timed by its own "
        "clock. A disk shared with others moves by itself."
    ),
)
