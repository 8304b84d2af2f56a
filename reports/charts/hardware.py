"""How much hardware the workload sees, and how much an operator configures."""

from reports.registry import Chart, panels

CHART = Chart(
    scenario="hardware",
    order=70,
    title="Hardware affinity",
    question="Which hardware does the workload see, and how much of it must be described by hand?",
    method=(
        "Devices are those the workload can list in /sys/bus (pci, virtio, platform, serio, acpi). "
        "Configuration is the number of lines an operator writes to get this instance."
    ),
    draw=lambda run: panels(run, "hardware", columns=2),
)
