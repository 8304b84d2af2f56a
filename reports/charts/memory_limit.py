"""What becomes of a program that takes more memory than it may?"""

from reports.registry import Chart, panels

CHART = Chart(
    scenario="memory-limit",
    order=42,
    title="At the memory limit",
    question="What becomes of a program that takes more memory than it may?",
    method=(
        "A program takes memory piece by piece until it is killed. The host's kernel counts the "
        "processes it has killed for want of memory: where it counted none, it was the guest's kernel."
    ),
    draw=lambda run: panels(run, "memory-limit", columns=2),
    threats=("The time has the command's start in it. Of a machine's memory its own kernel has a part."),
)
