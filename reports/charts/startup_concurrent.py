"""What happens when many instances are started at once."""

from reports.registry import Chart, panels

CHART = Chart(
    scenario="startup-concurrent",
    order=11,
    title="Startup, at once",
    question="How many start in a second when several are started at once, and how long does each take?",
    method=(
        "As many threads as instances start theirs at one moment. Throughput is their number over the time "
        "until the last one spoke. Emulated machines are started at once only as far as there are processors."
    ),
    draw=lambda run: panels(run, "startup-concurrent", columns=2),
    threats=(
        "The harness's threads share one interpreter, which shows where a start takes about a millisecond. "
        "The p99 of few is the slowest."
    ),
)
