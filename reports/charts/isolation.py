"""Whether the instance runs on the host's kernel."""

from reports.registry import Chart, panels

CHART = Chart(
    scenario="isolation",
    order=80,
    title="Operating system",
    question="Is the kernel under the workload the host's own?",
    method=(
        "The boot id read inside the instance (/proc/sys/kernel/random/boot_id, random(4)) is compared "
        "with the host's: the same id means the same running kernel."
    ),
    draw=lambda run: panels(run, "isolation"),
)
