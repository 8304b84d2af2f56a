"""How fast is the disk inside, on the root and on a volume?"""

from reports.registry import Chart, panels

CHART = Chart(
    scenario="disk",
    order=45,
    title="Disk",
    question="How fast is the disk inside, on the root and on a volume?",
    method=(
        "fio reads and writes a file of 16 MiB past the page cache for half a second each; tar and a "
        "shell make and remove small files. A virtual machine's root is a qcow2 overlay, a container's "
        "the storage driver's layer."
    ),
    draw=lambda run: panels(run, "disk", columns=2),
    threats=(
        "A file of 16 MiB fits into every cache below. A machine's disk is a file in the host's page cache, "
        "and a volume's daemon decides on its own caching. Small files are not synced."
    ),
)
