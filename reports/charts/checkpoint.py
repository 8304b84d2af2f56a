"""What it takes to save a running instance and have it go on elsewhere."""

from reports.registry import Chart, panels

CHART = Chart(
    scenario="checkpoint",
    order=62,
    title="Checkpoint and restore",
    question="Can a running instance be saved and go on elsewhere, with how many bytes and how fast?",
    method=(
        "A machine's memory, devices and disk are written to files and sent over loopback; a machine on an "
        "empty state root goes on from them and has to answer, the same kernel still running. A container's "
        "program is asked to do it, and what it says is listed."
    ),
    draw=lambda run: panels(run, "checkpoint", columns=2),
    threats=(
        "Loopback is faster than any network. The guest stands still from the first phase to the last; only "
        "machines without a network are tried."
    ),
)
