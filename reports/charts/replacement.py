"""How one instance takes another's place."""

from reports.registry import Chart, panels

CHART = Chart(
    scenario="replacement",
    order=54,
    title="Rolling replacement",
    question="How long does it take to replace a serving instance, and what do its clients notice?",
    method=(
        "A client asks one request after another. A new instance is started; once it answers, the client is "
        "turned to it and the old one removed."
    ),
    draw=lambda run: panels(run, "replacement"),
    threats=(
        "The client is the balancer, so a real one's own delay is not in it. It runs in the harness and "
        "competes with what is started."
    ),
)
