"""What a person measured with a load of their own."""

from reports.registry import Chart, panels

CHART = Chart(
    scenario="own",
    order=5,
    title="Your own workload",
    question="How does your image do under your load?",
    method=(
        "Each round starts an instance, waits until it is ready, and runs your load on the host once. "
        "Your metrics are read off what the load prints; which way they improve is what you said."
    ),
    draw=lambda run: panels(run, "own"),
    threats=(
        "The load takes CPU from the instance it loads, on a small host much. It is one run after a fresh "
        "start, so caches are those of a start."
    ),
)
