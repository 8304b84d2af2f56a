"""How much hardware is made for an instance, and how much an operator writes for it."""

from reports.registry import Chart, panels

CHART = Chart(
    scenario="hardware",
    order=70,
    title="Hardware affinity",
    question="How much virtual hardware does an instance need, and how much must be written for it?",
    method=(
        "Devices are those emulated for this one instance; a container uses the host's through its kernel. "
        "Configuration is the number of lines its runtime or hypervisor is given to make the instance."
    ),
    draw=lambda run: panels(run, "hardware", columns=2),
    threats=(
        "Lines are counted as the tools generate them. A container sees the host's devices in sysfs and can "
        "use none that its device rules refuse."
    ),
)
