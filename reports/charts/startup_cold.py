"""How much longer a start takes when the host has nothing of it in memory."""

from reports.registry import Chart, panels

CHART = Chart(
    scenario="startup-cold",
    order=12,
    title="Startup, cold",
    question="How long does a start take when nothing is in the page cache, and how long right after?",
    method=(
        "Before each cold start the host's page cache, dentries and inodes are dropped; the start after "
        "it is the warm one. What a hypervisor of the host keeps cached stays so."
    ),
    draw=lambda run: panels(run, "startup-cold", columns=2),
    threats=(
        "Memory that running daemons and a hypervisor's mapped pages hold stays. A host that is virtual "
        "itself may have the disk in its own host's cache."
    ),
)
