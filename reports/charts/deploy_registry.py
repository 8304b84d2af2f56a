"""How soon an image in a registry answers requests."""

from reports.registry import Chart, panels

CHART = Chart(
    scenario="deploy-registry",
    order=52,
    title="Deployment from a registry",
    question="How long from an image in a registry to its first answer over the network?",
    method=(
        "The registry is on this host's loopback. The clock starts before the pull and stops when the host "
        "has received the first HTTP 200. Phases are cumulative."
    ),
    draw=lambda run: panels(run, "deploy-registry"),
    threats=(
        "No network to speak of lies between. The registry's files are in the page cache, and it takes CPU "
        "of the same host."
    ),
)
