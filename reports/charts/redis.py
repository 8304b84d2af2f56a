"""Redis under redis-benchmark."""

from reports.registry import Chart, panels

CHART = Chart(
    scenario="redis",
    order=59,
    title="Redis",
    question="How many requests does Redis answer in an instance?",
    method=(
        "redis-benchmark on the host sets and gets over eight connections; nothing is saved. The "
        "time of a request is its median."
    ),
    draw=lambda run: panels(run, "redis"),
    threats=(
        "The generator of the load competes for the host's CPU, and emulated machines are asked fewer times."
    ),
)
