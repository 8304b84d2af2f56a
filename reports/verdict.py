"""What the table says, in sentences."""

from reports.series import marked
from reports.table import Row, Table, Verdict
from reports.units import times

EMULATED = (
    "The virtual machines were emulated (TCG), not hardware-virtualised: no guest booted with KVM on this "
    "host. Their speed says what emulation costs, not what virtualisation costs."
)


def sentence(table: Table) -> str:
    """The table in one or two sentences."""
    if table.container is None or table.vm is None:
        return "There is no comparison: the run needs a container and a virtual machine among its subjects."
    names = {
        Verdict.CONTAINER: table.container.name,
        Verdict.VM: marked(table.vm.name, table.accelerator),
    }
    sentences = []
    for side, other in ((Verdict.CONTAINER, Verdict.VM), (Verdict.VM, Verdict.CONTAINER)):
        gains = [_gain(row) for row in table.rows if row.verdict is side]
        if gains:
            sentences.append(f"Against {names[other]}, {names[side]} {_listed(gains)}.")
    even = [row.title.lower() for row in table.rows if row.verdict is Verdict.EVEN]
    if even:
        sentences.append(f"No clear difference in {_listed(even)}.")
    return " ".join(sentences) or "Nothing was measured for both sides."


def _gain(row: Row) -> str:
    assert row.ratio is not None
    value = row.ratio.value
    return row.gain.format(times=times(value if value >= 1 else 1 / value) if value else "infinitely")


def _listed(parts: list[str]) -> str:
    return parts[0] if len(parts) == 1 else f"{', '.join(parts[:-1])} and {parts[-1]}"
