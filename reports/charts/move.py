"""How long an image takes from one host to its first output on another."""

from reports.registry import Chart, panels

CHART = Chart(
    scenario="move",
    order=61,
    title="Move",
    question="How long from one host's image to its first output where nothing of it is known?",
    method=(
        "The image's files are packed, sent over loopback and unpacked; an empty state root then imports, "
        "converts or builds what it starts from, and starts it. A daemon is started before if there is one."
    ),
    draw=lambda run: panels(run, "move", columns=2),
    threats=(
        "Loopback is faster than any network. Files are moved rather than a built disk, which a machine's "
        "side builds anew; programs and page cache of the host are warm."
    ),
)
