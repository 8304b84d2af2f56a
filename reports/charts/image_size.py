"""How many bytes the same root file system takes in each form."""

from matplotlib.figure import Figure

from reports.languages import gettext
from reports.registry import Chart, measured
from reports.series import collect
from reports.strip import Panel, figure
from results import Run


def _draw(run: Run) -> Figure:
    rows = [
        (f"{series.label}: {measure.title}", series)
        for measure in measured(run, "image-size")
        for series in collect(run, measure)
        if series.samples
    ]
    rows.sort(key=lambda row: row[1].subject.kind)
    return figure([Panel(gettext("Bytes on disk"), tuple(rows))])


CHART = Chart(
    scenario="image-size",
    order=20,
    title="Storage size",
    question="How much does the same root file system weigh in each form?",
    method=(
        "Containers keep files and ship a gzip layer; virtual machines need a disk image, counted by the "
        "blocks it really occupies, and a kernel with its initramfs. Instances share the image and add what "
        "they write. Sizes do not vary, so they carry no interval."
    ),
    draw=_draw,
    threats=(
        "A small image makes a machine's kernel weigh more than it would beside a large one. An engine's "
        "own books about a container are not counted."
    ),
)
