"""What isolation costs a program that only computes."""

from reports.registry import Chart, panels

CHART = Chart(
    scenario="cpu",
    order=30,
    title="Run performance",
    question="How much longer does the same computation take than directly on the host?",
    method=(
        "The same binary compresses the same data in every subject. Wall time is seen by the host; host "
        "CPU time is everything the host spent on it, the hypervisor's own work included."
    ),
    draw=lambda run: panels(run, "cpu", columns=2),
    threats=(
        "The marks that time it travel through a serial line on machines, less than a millisecond. Under "
        "emulation this measures the emulator."
    ),
)
