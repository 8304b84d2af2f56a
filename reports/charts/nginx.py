"""nginx under wrk."""

from reports.registry import Chart, panels

CHART = Chart(
    scenario="nginx",
    order=58,
    title="nginx",
    question="How many requests does nginx answer in an instance?",
    method=(
        "wrk on the host asks for nginx's first page over eight connections. The time of a "
        "request is its median."
    ),
    draw=lambda run: panels(run, "nginx"),
    threats=("The generator of the load competes for the host's CPU."),
)
