"""How long starting, running and removing an instance takes."""

from reports.registry import Chart, panels

CHART = Chart(
    scenario="startup",
    order=10,
    title="Startup",
    question="How long from the start call until the instance exists, speaks, has ended and is gone?",
    method=(
        "Each instance starts the same command from the same root file system. All phases count from the "
        "start call on the host's monotonic clock; the first output is the first byte on stdout or on the"
        " serial line."
    ),
    draw=lambda run: panels(run, "startup", columns=2),
)
