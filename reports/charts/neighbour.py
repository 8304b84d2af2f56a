"""What a noisy neighbour does to a service."""

from reports.registry import Chart, panels

CHART = Chart(
    scenario="neighbour",
    order=85,
    title="Noisy neighbour",
    question="How long do the slowest answers take while a neighbour burns CPU, memory or disk?",
    method=(
        "A service is asked every 5 ms whether or not it has answered, reads 64 KiB and writes 4 KiB to its "
        "disk. Beside it another instance of the same kind keeps all processors busy."
    ),
    draw=lambda run: panels(run, "neighbour", columns=2),
    threats=(
        "The neighbour may use all processors, the victim one. A machine's answers are timed by its own "
        "clock. A disk shared with others moves by itself."
    ),
)
