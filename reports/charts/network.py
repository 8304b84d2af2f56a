"""How soon an instance answers over its network."""

from reports.registry import Chart, panels

CHART = Chart(
    scenario="network",
    order=56,
    title="Network latency",
    question="How soon does an instance answer, and how many connections does it take in a second?",
    method=(
        "A small program asks one byte over TCP and gets one back: from the host, and from a "
        "second instance. Then it connects, asks once and closes, over and over."
    ),
    draw=lambda run: panels(run, "network"),
    threats=(
        "Percentiles are of one round's round trips. A second instance measures with its own clock. One "
        "connection at a time is latency, not capacity."
    ),
)
