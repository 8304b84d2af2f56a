"""How long it takes to end an instance."""

from reports.registry import Chart, panels

CHART = Chart(
    scenario="stop",
    order=15,
    title="Stop",
    question="How long does it take to end an instance that runs, and to leave nothing behind?",
    method=("The payload sleeps and is killed without grace, QEMU at once; then each removes what it made."),
    draw=lambda run: panels(run, "stop", columns=2),
    threats=(
        "Nobody is asked to end in order, so a payload that must be waited for takes longer. Of subjects "
        "that are commands “stopped” is their forced removal, so “removed” is what compares."
    ),
)
