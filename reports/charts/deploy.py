"""How soon an image answers requests."""

from reports.registry import Chart, panels

CHART = Chart(
    scenario="deploy",
    order=50,
    title="Deployment speed",
    question="How long from an image on disk to its first answer over the network?",
    method=(
        "The clock starts before the image is prepared (unpacked, or converted to a disk) and stops when "
        "the host has received the first HTTP 200 from the instance's web server. Phases are cumulative."
    ),
    draw=lambda run: panels(run, "deploy"),
    threats=(
        "A root directory is mounted by tarebox as it is, while docker packs and unpacks an archive. The "
        "kernel of a machine counts as already there."
    ),
)
