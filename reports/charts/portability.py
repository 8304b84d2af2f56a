"""What ties an instance to the host it runs on."""

from reports.registry import Chart, panels

CHART = Chart(
    scenario="portability",
    order=60,
    title="Portability",
    question="What must be moved to run it elsewhere, and what must the other host offer?",
    method=(
        "Bytes to move are everything another host has to be given. Couplings are the interfaces of the "
        "host that the artifact is bound to, as they were found in it; the table of facts lists them."
    ),
    draw=lambda run: panels(run, "portability", columns=2),
    threats=("A program may need more of a kernel than its C library says."),
)
