"""How fast is memory inside?"""

from reports.registry import Chart, panels

CHART = Chart(
    scenario="memory-speed",
    order=41,
    title="Speed of memory",
    question="How fast is memory inside?",
    method=(
        "One static program in every subject: STREAM's copy and triad over arrays of 16 MiB, loads that "
        "depend on each other at random places, and pages touched for the first time."
    ),
    draw=lambda run: panels(run, "memory-speed", columns=2),
    threats=(
        "A cache of that size or more hides the memory, and huge pages, where the kernel gives them, make "
        "faults fewer."
    ),
)
