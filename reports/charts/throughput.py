"""What goes through an instance's network."""

from reports.registry import Chart, panels

CHART = Chart(
    scenario="throughput",
    order=57,
    title="Network throughput",
    question="How many bytes go through an instance's network?",
    method=(
        "iperf3 sends over one TCP connection for a second: from the host to the instance, back, "
        "and between two instances."
    ),
    draw=lambda run: panels(run, "throughput"),
    threats=("Both ends share the host's CPU, so it is as much CPU as network. No packet is ever on a wire."),
)
