"""How long it takes to end an instance."""

from reports.registry import Chart, panels

CHART = Chart(
    scenario="stop",
    order=15,
    title="Stop",
    question="How long does it take to end an instance that runs, and to leave nothing behind?",
    method=("The payload sleeps and is killed without grace, QEMU at once; then each removes what it made."),
    draw=lambda run: panels(run, "stop", columns=2),
)
